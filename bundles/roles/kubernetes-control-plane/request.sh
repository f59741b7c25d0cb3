#!/bin/bash
set -euo pipefail
. ./kubernetes.sh
. ./certificates.sh
. ./node.sh

name=$(node_name)
names="IP:$ADDRESS,IP:127.0.0.1,IP:$(nth_address "$OPT_SERVICE_CIDR" 1),DNS:localhost,DNS:$name"
names+=",DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.$OPT_CLUSTER_DOMAIN"
for endpoint in REL_LOADBALANCER_INTERNAL REL_LOADBALANCER_EXTERNAL; do
  units=${endpoint}_UNITS
  for ((index = 0; index < ${!units}; index++)); do
    address=${endpoint}_${index}_ADDRESS
    [[ $names == *"IP:${!address}"* ]] || names+=",IP:${!address}"
  done
done
for extra in $OPT_EXTRA_NAMES; do
  if [[ $extra =~ ^[0-9.]+$|: ]]; then names+=",IP:$extra"; else names+=",DNS:$extra"; fi
done

begin_requests
request apiserver server /CN=kube-apiserver "$names"
request apiserver-etcd-client client /CN=kube-apiserver-etcd-client
request apiserver-kubelet-client client /CN=kube-apiserver-kubelet-client
request admin client /O=system:masters/CN=muster-admin
request controller-manager client /CN=system:kube-controller-manager
request scheduler client /CN=system:kube-scheduler
request coredns client /CN=system:coredns
request_node "$name"
end_requests
echo "node_name=$name" >>"$MUSTER_OUTPUT"
