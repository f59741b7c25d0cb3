#!/bin/bash
set -euo pipefail
. ./kubernetes.sh
. ./certificates.sh
. ./node.sh

if [ "${REL_CONTAINER_RUNTIME_UNITS:-0}" -eq 0 ]; then
  echo 'there is no container runtime here: this unit is no node'
  exit 0
fi
SERVICE_CIDR=$OPT_SERVICE_CIDR POD_CIDR=$OPT_POD_CIDR CLUSTER_DOMAIN=$OPT_CLUSTER_DOMAIN
CLUSTER_DNS=''
[ "${REL_DNS_PROVIDER_UNITS:-0}" -eq 0 ] || CLUSTER_DNS=$(nth_address "$OPT_SERVICE_CIDR" 10)
NODE_NAME=$(node_name)
run_node "https://127.0.0.1:$OPT_API_PORT"
until_true "$OPT_START_SECONDS" "node $NODE_NAME is Ready" is_ready /etc/kubernetes/admin.conf "$NODE_NAME" ||
  { journalctl -u kubelet.service -n 30 --no-pager; exit 1; }
echo "node $NODE_NAME is Ready"
