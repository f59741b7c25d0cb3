#!/bin/bash
# By the node's own credential. Fails where a pod does not move: the node stays without new ones, until uncordon.
set -euo pipefail
. ./kubernetes.sh

node=$(node_name)
kubectl --kubeconfig /etc/kubernetes/kubelet.conf drain "$node" --ignore-daemonsets --delete-emptydir-data \
  --force="$PARAM_FORCE" --timeout="${PARAM_TIMEOUT_SECONDS}s"
muster-publish node "$node"
