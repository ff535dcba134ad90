"""What a program with the Python client does all day, against whatever its kubeconfig names.

Prints one JSON object a step; the caller compares two runs. Usage: client.py KUBECONFIG NAMESPACE
"""
import datetime
import json
import sys
import time

from kubernetes import client, config, dynamic, watch
from kubernetes.client.exceptions import ApiException

kubeconfig, namespace = sys.argv[1:]
config.load_kube_config(kubeconfig)
core, apps = client.CoreV1Api(), client.AppsV1Api()
LABELS, SELECTOR = {"suite": "python"}, "suite=python"


def shown(item):
    meta = item.metadata
    return {
        "name": meta.name,
        "labels": meta.labels,
        "data": item.data,
        "uid": len(meta.uid),
        "created": isinstance(meta.creation_timestamp, datetime.datetime),
    }


def refused(call, *args, **options):
    try:
        call(*args, **options)
    except ApiException as error:
        return {"status": error.status, "reason": error.reason, "body": json.loads(error.body)}
    raise AssertionError("the API server did not refuse")


def create(name, data):
    meta = client.V1ObjectMeta(name=name, labels=LABELS)
    return core.create_namespaced_config_map(namespace, client.V1ConfigMap(metadata=meta, data=data))


def discovers():
    version = client.VersionApi().get_code()
    groups = client.ApisApi().get_api_versions().groups
    return [version.git_version, [group.name for group in groups], [r.name for r in core.get_api_resources().resources]]


def creates():
    return [shown(create(name, {"text": f'ä "{name}" \u2028'})) for name in "abcde"]


def lists():
    pages, token = [], None
    while True:
        page = core.list_namespaced_config_map(namespace, label_selector=SELECTOR, limit=2, _continue=token)
        pages.append([item.metadata.name for item in page.items])
        token = page.metadata._continue
        if not token:
            return pages


def patches():
    merged = core.patch_namespaced_config_map("a", namespace, {"data": {"x": "y"}})
    by_path = [{"op": "replace", "path": "/data/x", "value": "z"}]
    edited = core.patch_namespaced_config_map("a", namespace, by_path)
    maps = dynamic.DynamicClient(client.ApiClient()).resources.get(api_version="v1", kind="ConfigMap")
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"applied": "yes"}}
    applied = maps.server_side_apply(body=body, name="a", namespace=namespace, field_manager="python", force_conflicts=True)
    return [shown(merged), shown(edited), applied.data.to_dict()]


def replaces():
    current = core.read_namespaced_config_map("b", namespace)
    current.data = {"replaced": "yes"}
    return shown(core.replace_namespaced_config_map("b", namespace, current))


def refusals():
    return [
        refused(core.read_namespaced_config_map, "missing", namespace),
        refused(create, "a", {}),
        refused(create, "Not_A_Name", {}),
        refused(core.list_namespaced_config_map, namespace, label_selector="==="),
    ]


def watches():
    start = core.list_namespaced_config_map(namespace).metadata.resource_version
    create("watched", {"v": "1"})
    core.patch_namespaced_config_map("watched", namespace, {"data": {"v": "2"}})
    core.delete_namespaced_config_map("watched", namespace)
    events, stream = [], watch.Watch()
    for event in stream.stream(core.list_namespaced_config_map, namespace, resource_version=start, timeout_seconds=30):
        events.append([event["type"], event["object"].metadata.name, event["object"].data])
        if event["type"] == "DELETED":
            stream.stop()
    return events


def follows():
    command = ["sh", "-c", "for i in 1 2 3; do echo line $i; sleep 0.2; done"]
    spec = client.V1PodSpec(
        restart_policy="Never",
        termination_grace_period_seconds=1,
        containers=[client.V1Container(name="main", image="sh", command=command)],
    )
    core.create_namespaced_pod(namespace, client.V1Pod(metadata=client.V1ObjectMeta(name="talker"), spec=spec))
    while core.read_namespaced_pod("talker", namespace).status.phase == "Pending":
        time.sleep(0.05)
    return list(watch.Watch().stream(core.read_namespaced_pod_log, "talker", namespace, follow=True))


def workloads():
    meta = client.V1ObjectMeta(name="web", labels=LABELS)
    container = client.V1Container(name="main", image="pause")
    template = client.V1PodTemplateSpec(metadata=meta, spec=client.V1PodSpec(containers=[container]))
    selector = client.V1LabelSelector(match_labels=LABELS)
    spec = client.V1DeploymentSpec(replicas=0, selector=selector, template=template)
    made = apps.create_namespaced_deployment(namespace, client.V1Deployment(metadata=meta, spec=spec))
    scale = apps.read_namespaced_deployment_scale("web", namespace)
    apps.delete_namespaced_deployment("web", namespace, propagation_policy="Background")
    return [made.spec.strategy.to_dict(), scale.spec.replicas or 0]


def dynamically():
    maps = dynamic.DynamicClient(client.ApiClient()).resources.get(api_version="v1", kind="ConfigMap")
    return [item.data.to_dict() for item in maps.get(namespace=namespace, label_selector=SELECTOR).items]


def deletes():
    one = core.delete_namespaced_config_map("a", namespace)
    core.delete_collection_namespaced_config_map(namespace, label_selector=SELECTOR)
    core.delete_namespaced_pod("talker", namespace, grace_period_seconds=0)
    status = one["status"] if isinstance(one, dict) else one.status
    return [status, len(core.list_namespaced_config_map(namespace, label_selector=SELECTOR).items)]


for step in [discovers, creates, lists, patches, replaces, refusals, watches, follows, workloads, dynamically, deletes]:
    print(json.dumps({"step": step.__name__, "result": step()}), flush=True)
