#!/bin/bash
# What a cluster needs besides its programs, and the administrator's kubeconfig.
set -euo pipefail
. ./kubernetes.sh

kubectl() { command kubectl --kubeconfig /etc/kubernetes/admin.conf "$@"; }
# Where each node is given a part of the pods' network, all have to see which part is whose. A node writes at its own
# record alone; since 1.32 it reads no other, either.
if [ -n "${REL_CNI_0_NODE_CIDR_BITS:-}" ]; then
  kubectl apply -f - <<'MANIFEST'
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "muster:pod-network"}
rules: [{apiGroups: [""], resources: [nodes], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "muster:pod-network"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "muster:pod-network"}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:nodes"}]
MANIFEST
else
  kubectl delete --ignore-not-found clusterrolebinding,clusterrole muster:pod-network
fi
{
  # The API server reads logs and runs commands on nodes under this name.
  cat <<'MANIFEST'
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "muster:kubelet-api-admin"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:kubelet-api-admin"}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: kube-apiserver-kubelet-client}]
---
# A node that goes drains itself; what it may do besides is to see which of its pods are of a DaemonSet.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "muster:drain"}
rules: [{apiGroups: [apps], resources: [daemonsets], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "muster:drain"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "muster:drain"}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:nodes"}]
MANIFEST
  if [ "${REL_DNS_PROVIDER_UNITS:-0}" -gt 0 ]; then
    cat <<MANIFEST
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: "system:coredns"}
rules:
  - {apiGroups: [""], resources: [endpoints, services, pods, namespaces], verbs: [list, watch]}
  - {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: "system:coredns"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: "system:coredns"}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: "system:coredns"}]
---
apiVersion: v1
kind: Service
metadata: {name: kube-dns, namespace: kube-system}
spec:
  clusterIP: $(nth_address "$OPT_SERVICE_CIDR" 10)
  ports:
    - {name: dns, port: 53, protocol: UDP}
    - {name: dns-tcp, port: 53, protocol: TCP}
---
apiVersion: v1
kind: Endpoints
metadata: {name: kube-dns, namespace: kube-system}
subsets:
  - addresses: [{ip: $ADDRESS}$(for ((index = 0; index < ${REL_CLUSTER_UNITS:-0}; index++)); do
      address=REL_CLUSTER_${index}_ADDRESS
      printf ', {ip: %s}' "${!address}"
    done)]
    ports:
      - {name: dns, port: 53, protocol: UDP}
      - {name: dns-tcp, port: 53, protocol: TCP}
MANIFEST
  fi
} | kubectl apply -f -

server=https://$ADDRESS:$OPT_API_PORT
for endpoint in REL_LOADBALANCER_INTERNAL REL_LOADBALANCER_EXTERNAL; do
  units=${endpoint}_UNITS address=${endpoint}_0_ADDRESS port=${endpoint}_0_PORT
  [ "${!units:-0}" -eq 0 ] || server=https://${!address}:${!port}
done
{
  echo 'secret kubeconfig<<MUSTER_END'
  cat <<CONFIG
apiVersion: v1
kind: Config
clusters: [{name: $APPLICATION, cluster: {server: "$server", certificate-authority-data: $(base64 -w 0 "$pki/ca.crt")}}]
users: [{name: muster-admin, user: {client-certificate-data: $(base64 -w 0 "$pki/admin.crt"), client-key-data: $(base64 -w 0 "$pki/admin.key")}}]
contexts: [{name: $APPLICATION, context: {cluster: $APPLICATION, user: muster-admin}}]
current-context: $APPLICATION
CONFIG
  echo MUSTER_END
} >>"$MUSTER_OUTPUT"
dns=''
[ "${REL_DNS_PROVIDER_UNITS:-0}" -eq 0 ] || dns=$(nth_address "$OPT_SERVICE_CIDR" 10)
echo "cluster_dns=$dns" >>"$MUSTER_OUTPUT"
