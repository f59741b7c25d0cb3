#!/bin/bash
# Starts the three programs of a control plane, or restarts those whose files have changed; one unit after the other.
set -euo pipefail
. ./kubernetes.sh
. ./certificates.sh

take_certificates
[ "$REL_ETCD_UNITS" -gt 0 ] || fail 'there is no etcd: relate "etcd" to etcd:db'
if [ "$LEADER" != true ]; then
  umask 077
  key=$(jq -er '[.relations.cluster.units[].values.service_account_key // empty][0]' "$MUSTER_INPUT")
  write "$pki/service-account.key" <<<"$key"
  umask 022
fi
openssl rsa -in "$pki/service-account.key" -pubout 2>/dev/null | write "$pki/service-account.pub"

endpoints=''
for ((index = 0; index < REL_ETCD_UNITS; index++)); do
  endpoint=REL_ETCD_${index}_ENDPOINT
  endpoints+="${endpoints:+,}${!endpoint}"
done
export VERSION=$OPT_VERSION ADDRESS NODE_NAME=none ETCD_ENDPOINTS=$endpoints API_PORT=$OPT_API_PORT
export SERVICE_CIDR=$OPT_SERVICE_CIDR POD_CIDR=$OPT_POD_CIDR
export NODE_CIDR_BITS=$OPT_NODE_CIDR_BITS
if [ "${REL_CNI_UNITS:-0}" -gt 0 ]; then POD_CIDR=$REL_CNI_0_POD_CIDR NODE_CIDR_BITS=${REL_CNI_0_NODE_CIDR_BITS:-}; fi
export LEASE_SECONDS=$OPT_LEADER_LEASE_SECONDS RENEW_SECONDS=$OPT_LEADER_RENEW_SECONDS
export RETRY_SECONDS=$OPT_LEADER_RETRY_SECONDS GRACE_SECONDS=$OPT_NODE_GRACE_SECONDS

for name in admin controller-manager scheduler coredns; do kubeconfig "$name" "https://127.0.0.1:$OPT_API_PORT"; done
for name in kube-apiserver kube-controller-manager kube-scheduler; do
  bash render.sh "$name.service" | write "/etc/systemd/system/$name.service"
done
systemctl daemon-reload

run_service kube-apiserver "$pki"/{ca,apiserver,apiserver-etcd-client,apiserver-kubelet-client}.crt "$pki/service-account.pub"
until_true "$OPT_START_SECONDS" 'the API server is ready' \
  kubectl --kubeconfig /etc/kubernetes/admin.conf get --raw /readyz ||
  { journalctl -u kube-apiserver.service -n 30 --no-pager; exit 1; }
run_service kube-controller-manager /etc/kubernetes/controller-manager.conf "$pki"/{ca,controller-manager}.crt "$pki/service-account.pub"
run_service kube-scheduler /etc/kubernetes/scheduler.conf "$pki"/{ca,scheduler}.crt

server=https://$ADDRESS:$OPT_API_PORT
[ "${REL_LOADBALANCER_INTERNAL_UNITS:-0}" -eq 0 ] || server=https://$REL_LOADBALANCER_INTERNAL_0_ADDRESS:$REL_LOADBALANCER_INTERNAL_0_PORT
{
  echo "api_server=$server"
  echo "service_cidr=$OPT_SERVICE_CIDR"
  echo "pod_cidr=$POD_CIDR"
  echo "cluster_domain=$OPT_CLUSTER_DOMAIN"
  echo "version=$OPT_VERSION"
} >>"$MUSTER_OUTPUT"
echo "the API server is ready at $server"
