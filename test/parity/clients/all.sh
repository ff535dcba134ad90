#!/bin/bash
# What record.ts runs. Environment: KUBECTL (one or more kubectl binaries), GO_CLIENT (a client-go program, may be
# empty), PYTHON (with the package "kubernetes", may be empty). The cluster has running pods "box" and "web".
cd "$(dirname "$0")" || exit 1
for kubectl in $KUBECTL; do
  echo "# client: kubectl $($kubectl version --client -o json | sed -n 's/.*"gitVersion": *"\([^"]*\)".*/\1/p' | head -1)"
  KUBECTL_BIN=$kubectl HOME=$(mktemp -d) bash kubectl.sh >/dev/null 2>&1
done
if [ -n "$GO_CLIENT" ]; then echo "# client: client-go"; timeout 60 "$GO_CLIENT" >/dev/null 2>&1; fi
echo "# client: @kubernetes/client-node"; timeout 60 node client-node.ts
if [ -n "$PYTHON" ]; then echo "# client: python"; timeout 60 "$PYTHON" client.py; fi
echo "# client: done"
