#!/bin/bash
set -euo pipefail
. ./kubernetes.sh

check_version
install_packages openssl iptables conntrack
install_binaries kubelet kube-proxy kubectl
kubelet --version
