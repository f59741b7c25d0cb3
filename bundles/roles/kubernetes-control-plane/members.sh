#!/bin/bash
# Labels the nodes, and drains and deletes those whose units are gone. Nodes that others have joined are left alone.
set -euo pipefail
. ./kubernetes.sh
. ./node.sh

kubectl() { command kubectl --kubeconfig /etc/kubernetes/admin.conf "$@"; }
wanted=' '
for ((index = 0; index < ${REL_KUBE_CONTROL_UNITS:-0}; index++)); do
  name=REL_KUBE_CONTROL_${index}_NODE_NAME
  wanted+="${!name} "
  until_true "$OPT_START_SECONDS" "node ${!name} has joined" node_of /etc/kubernetes/admin.conf "${!name}"
  kubectl label node "${!name}" --overwrite muster/unit=worker node-role.kubernetes.io/worker= >/dev/null
done
if [ "${REL_CONTAINER_RUNTIME_UNITS:-0}" -gt 0 ]; then
  nodes=("$(node_name)")
  for ((index = 0; index < ${REL_CLUSTER_UNITS:-0}; index++)); do
    name=REL_CLUSTER_${index}_NODE_NAME
    nodes+=("${!name}")
  done
  for node in "${nodes[@]}"; do
    wanted+="$node "
    until_true "$OPT_START_SECONDS" "node $node has joined" node_of /etc/kubernetes/admin.conf "$node"
    kubectl label node "$node" --overwrite muster/unit=control-plane node-role.kubernetes.io/control-plane= >/dev/null
  done
fi
for node in $(kubectl get nodes -l muster/unit -o 'jsonpath={.items[*].metadata.name}'); do
  [[ $wanted != *" $node "* ]] || continue
  echo "letting go of $node"
  # Nobody is left on a lost node who could end its pods: they go with it.
  ! is_ready /etc/kubernetes/admin.conf "$node" ||
    kubectl drain "$node" --ignore-daemonsets --delete-emptydir-data --force --timeout="${OPT_DRAIN_SECONDS}s" || true
  kubectl delete node "$node"
done
kubectl get nodes -o wide
