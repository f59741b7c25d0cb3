#!/bin/bash
set -euo pipefail
. ./kubernetes.sh

node=$(node_name)
kubectl --kubeconfig /etc/kubernetes/kubelet.conf uncordon "$node"
muster-publish node "$node"
