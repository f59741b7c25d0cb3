#!/bin/bash
# Waits until every node is Ready, as long as something changes. One that stays as it is is lost: it is named soon.
set -euo pipefail
. ./kubernetes.sh

kubectl() { command kubectl --kubeconfig /etc/kubernetes/admin.conf "$@"; }
unready() { # a line for each node that is not Ready, and why; and for the API server
  local nodes
  nodes=$(kubectl get nodes -o json) || { echo 'the API server does not answer'; return; }
  jq -r 'if .items == [] then "there is no node" else .items[]
    | ((.status.conditions // [])[] | select(.type == "Ready" and .status != "True")) as $ready
    | "\(.metadata.name) is not Ready: \($ready.reason): \($ready.message)" end' <<<"$nodes"
  for ((index = 0; index < ${REL_KUBE_CONTROL_UNITS:-0}; index++)); do
    name=REL_KUBE_CONTROL_${index}_NODE_NAME
    jq -e --arg name "${!name}" 'any(.items[]; .metadata.name == $name)' <<<"$nodes" >/dev/null || echo "${!name} is no node of the cluster"
  done
  kubectl get --raw /readyz >/dev/null || echo 'the API server is not ready'
}

give_up() { kubectl get nodes -o wide || true; echo "$1: ${now//$'\n'/; }" >&2; exit 1; }

now='' since=$SECONDS
until before=$now && now=$(unready) && [ -z "$now" ]; do
  if [ "$now" != "$before" ]; then
    since=$SECONDS
    echo "$now"
  fi
  [ $((SECONDS - since)) -lt "$OPT_UNREADY_SECONDS" ] || give_up "nothing changes for $OPT_UNREADY_SECONDS seconds"
  [ "$SECONDS" -lt "$OPT_VERIFY_SECONDS" ] || give_up "after $OPT_VERIFY_SECONDS seconds still"
  sleep 1
done
kubectl get nodes -o wide || true
