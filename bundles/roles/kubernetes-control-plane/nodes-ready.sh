#!/bin/bash
set -euo pipefail
. ./kubernetes.sh

kubectl() { command kubectl --kubeconfig /etc/kubernetes/admin.conf "$@"; }
all_ready() {
  local states
  states=$(kubectl get nodes -o 'jsonpath={range .items[*]}{.metadata.name}={.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}') || return 1
  [ -n "$states" ] && ! grep -qv '=True$' <<<"$states"
}

for ((index = 0; index < ${REL_KUBE_CONTROL_UNITS:-0}; index++)); do
  name=REL_KUBE_CONTROL_${index}_NODE_NAME
  kubectl get node "${!name}" >/dev/null
done
until_true "$OPT_VERIFY_SECONDS" 'every node is Ready' all_ready || { kubectl get nodes -o wide; exit 1; }
kubectl get nodes -o wide
kubectl get --raw '/readyz?verbose' | tail -n 1
