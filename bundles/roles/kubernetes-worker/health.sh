#!/bin/bash
set -euo pipefail
. ./kubernetes.sh
. ./node.sh

for name in kubelet kube-proxy; do
  systemctl is-active --quiet "$name.service" || { echo "$name does not run: journalctl -u $name" >&2; exit 1; }
done
until_true 60 'this node is Ready' is_ready /etc/kubernetes/kubelet.conf "$(node_name)"
openssl x509 -in "$pki/kubelet.crt" -noout -checkend 604800 || { echo 'the certificate runs out within a week: apply the deployment again' >&2; exit 1; }
