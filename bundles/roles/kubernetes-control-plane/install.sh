#!/bin/bash
set -euo pipefail
. ./kubernetes.sh

check_version
install_packages openssl jq curl iptables conntrack
install_binaries kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl
kubelet --version
echo "api_port=$OPT_API_PORT" >>"$MUSTER_OUTPUT"
