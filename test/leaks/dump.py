"""Prints everything that the Python client can read in a namespace. Usage: dump.py KUBECONFIG NAMESPACE"""
import json
import sys

from kubernetes import client, config, dynamic, watch

kubeconfig, namespace = sys.argv[1:]
config.load_kube_config(kubeconfig)
api = client.ApiClient()
core, apps, custom = client.CoreV1Api(), client.AppsV1Api(), client.CustomObjectsApi()


def shown(value):
    print(json.dumps(api.sanitize_for_serialization(value)))


for read in (
    core.list_namespaced_secret,
    core.list_namespaced_config_map,
    core.list_namespaced_pod,
    core.list_namespaced_event,
    apps.list_namespaced_deployment,
):
    shown(read(namespace))
for plural in ("gadgets", "vaults", "crates"):
    shown(custom.list_namespaced_custom_object("leaks.example.com", "v1", namespace, plural))
for event in watch.Watch().stream(core.list_namespaced_secret, namespace, timeout_seconds=2):
    shown(event["raw_object"])
shown(core.list_namespaced_secret(namespace, limit=5, pretty="true"))
shown(dynamic.DynamicClient(api).resources.get(api_version="v1", kind="Secret").get(namespace=namespace).to_dict())
print(core.read_namespaced_pod_log("talker", namespace))
for line in watch.Watch().stream(core.read_namespaced_pod_log, name="talker", namespace=namespace, limit_bytes=20000):
    print(line)
