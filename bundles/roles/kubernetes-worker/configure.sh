#!/bin/bash
set -euo pipefail
. ./kubernetes.sh
. ./certificates.sh
. ./node.sh

take_certificates
[ "$REL_KUBE_CONTROL_UNITS" -gt 0 ] || fail 'there is no control plane: relate "kube-control" to one'
server=$REL_KUBE_CONTROL_0_VERSION
if (($(minor_of "$OPT_VERSION") > $(minor_of "$server"))); then
  fail "a node of version $OPT_VERSION cannot join a control plane of the older version $server"
fi
SERVICE_CIDR=$REL_KUBE_CONTROL_0_SERVICE_CIDR POD_CIDR=$REL_KUBE_CONTROL_0_POD_CIDR
CLUSTER_DNS=$REL_KUBE_CONTROL_0_CLUSTER_DNS CLUSTER_DOMAIN=$REL_KUBE_CONTROL_0_CLUSTER_DOMAIN
NODE_NAME=$(node_name)
run_node "$REL_KUBE_CONTROL_0_API_SERVER"
until_true "$OPT_START_SECONDS" "node $NODE_NAME is Ready" is_ready /etc/kubernetes/kubelet.conf "$NODE_NAME" ||
  { journalctl -u kubelet.service -n 30 --no-pager; exit 1; }
echo "node $NODE_NAME is Ready"
