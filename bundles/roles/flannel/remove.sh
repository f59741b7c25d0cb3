#!/bin/bash
set -euo pipefail
. ./kubernetes.sh
. ./cni-plugins.sh
. ./flannel.sh

systemctl disable --quiet --now flanneld.service 2>/dev/null || true
rm -f /etc/cni/net.d/10-flannel.conflist
# What flanneld wrote at its node's record; the node itself may be gone already.
if [ -s "$kubeconfig" ]; then
  timeout 30 /usr/local/bin/kubectl --kubeconfig "$kubeconfig" annotate node "$(node_name)" \
    flannel.alpha.coreos.com/{backend-data,backend-type,kube-subnet-manager,public-ip}- || true
fi
ip link del cni0 2>/dev/null || true
flush_routes "$OPT_CIDR"
flush_links
flush_rules
rm -rf /etc/kube-flannel /run/flannel /var/lib/cni/networks/flannel
rm -f /var/lib/cni/results/flannel-* /run/muster/flanneld.started
rm -f /usr/local/bin/flanneld /usr/local/lib/muster/flannel-conflist /etc/systemd/system/flanneld.service
systemctl daemon-reload
unlink_plugins
