"""The Python client: generated API classes, dynamic client, watch, exec, port-forward."""
from kubernetes import client, config, dynamic, watch
from kubernetes.stream import portforward, stream

config.load_kube_config()
core, apps = client.CoreV1Api(), client.AppsV1Api()


def step(call):
    try:
        call()
    except Exception as error:  # what counts is what was sent
        print(" ", type(error).__name__, " ".join(str(error).split())[:160])


def watched():
    for _ in watch.Watch().stream(core.list_namespaced_pod, "default", timeout_seconds=1):
        pass


def forwarded():
    forward = portforward(core.connect_get_namespaced_pod_portforward, "web", "default", ports="18080")
    forward.socket(18080).sendall(b"GET / HTTP/1.0\r\n\r\n")


def dynamically():
    pods = dynamic.DynamicClient(client.ApiClient()).resources.get(api_version="v1", kind="Pod")
    pods.get(namespace="default", label_selector="app=box")


body = client.V1ConfigMap(metadata=client.V1ObjectMeta(name="pyr"), data={"a": "b"})
for call in [
    lambda: client.VersionApi().get_code(),
    lambda: client.CoreApi().get_api_versions(),
    lambda: client.ApisApi().get_api_versions(),
    lambda: core.get_api_resources(),
    lambda: client.AppsApi().get_api_group(),
    lambda: client.OpenidApi().get_service_account_issuer_open_id_keyset(),
    lambda: client.WellKnownApi().get_service_account_issuer_open_id_configuration(),
    lambda: core.list_namespaced_pod("default", label_selector="app in (box, web)", field_selector="metadata.name=box", limit=3),
    lambda: core.list_pod_for_all_namespaces(watch=False),
    lambda: core.create_namespaced_config_map("default", body, dry_run="All", field_manager="me"),
    lambda: core.create_namespaced_config_map("default", body),
    lambda: core.patch_namespaced_config_map("pyr", "default", {"data": {"x": "y"}}),
    lambda: core.replace_namespaced_config_map("pyr", "default", body),
    lambda: core.delete_namespaced_config_map("pyr", "default", propagation_policy="Foreground"),
    lambda: core.delete_collection_namespaced_config_map("default", label_selector="none=here"),
    lambda: core.read_namespaced_pod_log("box", "default", container="main", tail_lines=1),
    lambda: client.RbacAuthorizationV1Api().read_cluster_role("system:node"),
    lambda: stream(core.connect_get_namespaced_pod_exec, "box", "default", container="main", command=["sh", "-c", "echo 'a b'"], stdout=True, stderr=True, stdin=False, tty=False),
    lambda: core.connect_get_namespaced_pod_proxy_with_path("web:18080", "default", "big"),
    watched,
    forwarded,
    dynamically,
]:
    step(call)
