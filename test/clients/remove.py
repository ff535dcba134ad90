"""Deletes one object with the Python client. Usage: remove.py KUBECONFIG NAMESPACE KIND NAME"""
import json
import sys

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

kubeconfig, namespace, kind, name = sys.argv[1:]
config.load_kube_config(kubeconfig)
core = client.CoreV1Api()
try:
    if kind == "namespace":
        core.delete_namespace(name)
    elif kind == "configmap":
        core.delete_namespaced_config_map(name, namespace)
    elif kind == "limitrange":
        core.delete_namespaced_limit_range(name, namespace)
    else:
        sys.exit(f"{kind} is none of namespace, configmap, limitrange")
except ApiException as error:
    sys.exit(f"{error.status} {json.loads(error.body)['message']}")
print(f"{kind}/{name} deleted")
