#!/bin/bash
# The kubectl commands that people use, once each.
k() { timeout 20 "$KUBECTL_BIN" "$@"; }
k create namespace recorded
n="-n recorded"
k version; k cluster-info; k api-resources; k api-versions; k get --raw /; k get --raw /readyz?verbose; k get --raw /healthz/ping; k get --raw /metrics
k get --raw '/apis/'; k get --raw '/openapi/v3'; k get --raw '/api/v1/namespaces/default/pods?limit=1&labelSelector=app%3Dbox'
k get pods -A; k get pods -o wide; k get pods -l 'app in (box, web),!gone' -o yaml; k get pods --field-selector status.phase=Running,metadata.name!=x
k get pod box -o json; k get pod/box pod/web; k get all $n; k get events --sort-by=.lastTimestamp; k get nodes; k get secrets,configmaps -A --chunk-size=2
k get clusterrole system:node; k get clusterroles -l kubernetes.io/bootstrapping; k describe pod box; k describe node; k explain pod.spec; k explain deployments --api-version=apps/v1 --output=plaintext-openapiv2
k get pods --server-print=false; k get pods --show-managed-fields -o yaml; k get pods -w --request-timeout=3s; k get pods --watch-only --request-timeout=2s
k wait --for=condition=Ready pod/box --timeout=3s; k wait --for=delete pod/none --timeout=1s
cat > /tmp/recorded-$$.yaml <<'Y'
apiVersion: v1
kind: ConfigMap
metadata: {name: rec, labels: {a: b}}
data: {k: v}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: rec}
spec: {replicas: 1, selector: {matchLabels: {app: rec}}, template: {metadata: {labels: {app: rec}}, spec: {containers: [{name: c, image: pause}]}}}
Y
f="-f /tmp/recorded-$$.yaml"
k diff $n $f; k apply $n $f --dry-run=server; k apply $n $f; k apply $n $f --server-side --force-conflicts; k apply $n $f --prune -l a=b
k replace $n $f; k create $n $f; k annotate $n cm rec x=y; k label $n cm rec z=1 --overwrite; k patch $n cm rec -p '{"data":{"x":"y"}}'
k patch $n cm rec --type=merge -p '{"data":{"x":null}}'; k patch $n cm rec --type=json -p '[{"op":"add","path":"/data/q","value":"r"}]'; k patch $n deploy rec --subresource=scale --type=merge -p '{"spec":{"replicas":1}}'
k scale $n deploy rec --replicas=2; k set image $n deploy/rec c=pause; k rollout status $n deploy/rec --timeout=5s; k rollout history $n deploy rec; k rollout restart $n deploy rec; k rollout undo $n deploy rec; k autoscale $n deploy rec --max=3
k expose $n deploy rec --port=80; k create secret generic s1 $n --from-literal=a=b; k create sa s1 $n; k create token s1 $n; k create role r1 $n --verb=get --resource=pods; k create rolebinding b1 $n --role=r1 --user=jane; k create job j1 $n --image=pause; k create quota q1 $n --hard=pods=10
k auth can-i list pods; k auth can-i --list; k auth whoami; k auth can-i get pods --as=jane --as-group=dev --as-group=ops --as-uid=7; k get pods --as=system:serviceaccount:default:default
k logs box --tail=3; k logs box -c main --timestamps --since=5s; k logs box --previous; timeout 3 "$KUBECTL_BIN" logs -f box --tail=1; k logs -l app=box --tail=1 --prefix
k exec box -c main -- sh -c 'echo "a b" && printf "%s\n" é; exit 3'; echo in | k exec -i box -c main -- cat
KUBECTL_REMOTE_COMMAND_WEBSOCKETS=false k exec box -c main -- echo spdy; k cp $f box:/tmp/x -c main; k cp default/box:/etc/hostname /tmp/recorded-$$.out -c main
echo | timeout 3 "$KUBECTL_BIN" attach -i box; k run $n tmp --image=busybox --restart=Never --command -- sh -c 'true'; k debug box --image=busybox --target=main -- true
(timeout 4 "$KUBECTL_BIN" port-forward web 18099:18080 & sleep 2; curl -s -m 1 http://127.0.0.1:18099/; wait)
(KUBECTL_PORT_FORWARD_WEBSOCKETS=false timeout 4 "$KUBECTL_BIN" port-forward web 18098:18080 & sleep 2; curl -s -m 1 http://127.0.0.1:18098/; wait)
k get --raw '/api/v1/namespaces/default/pods/web:18080/proxy/big?n=10'; k get --raw '/api/v1/namespaces/default/services/https:web:443/proxy/'; k get --raw '/api/v1/nodes/node-a/proxy/pods'
k cordon node-a; k uncordon node-a; k taint nodes node-a x=y:NoSchedule; k taint nodes node-a x-; k drain node-a --dry-run=server --ignore-daemonsets --force; k top pods; k top nodes
k certificate approve none; k edit $n cm rec --windows-line-endings=false; k api-resources --api-group=apps; k cluster-info dump --namespaces recorded
k delete $n $f --wait=false; k delete cm -l a=b $n; k delete pods --all $n --grace-period=0 --force; k delete secrets --all $n; k delete namespace recorded
rm -f /tmp/recorded-$$.*
