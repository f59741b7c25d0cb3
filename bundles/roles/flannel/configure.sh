#!/bin/bash
# Starts flanneld, or restarts it where its settings have changed. It gets its part of the network once the node has joined,
# which waits for what this step publishes: until then the service tries again by itself.
set -euo pipefail
. ./kubernetes.sh
. ./cni-plugins.sh
. ./flannel.sh

[[ $OPT_CIDR =~ ^([0-9]{1,3}\.){3}[0-9]{1,3}/([0-9]{1,2})$ ]] || fail "cidr \"$OPT_CIDR\" is no network"
bits=${BASH_REMATCH[2]}
# The controller manager gives out no more than 2^16 parts.
((bits < OPT_NODE_BITS && OPT_NODE_BITS - bits <= 16 && OPT_NODE_BITS <= 30)) ||
  fail "node-bits $OPT_NODE_BITS: a node's part of $OPT_CIDR has more bits than it, by 16 at most, and 30 at most"
((OPT_VNI >= 1 && OPT_VNI < 1 << 24)) || fail "vni $OPT_VNI: it has 24 bits"
[[ $OPT_IFACE =~ ^[A-Za-z0-9_.-]*$ ]] || fail "iface \"$OPT_IFACE\" is neither a name nor an address"

filter=$OPT_PACKET_FILTER
bridged=/proc/sys/net/bridge/bridge-nf-call-iptables
# Pods on one bridge that speak by a service's address must pass the packet filter.
if [ -e "$bridged" ]; then echo 1 >"$bridged"; fi
if [ "$filter" = auto ]; then [ -e "$bridged" ] && filter=iptables || filter=nftables; fi
nftables=false
if [ "$filter" = nftables ]; then nftables=true; fi

backend="\"Type\": \"$OPT_BACKEND\""
if [ "$OPT_BACKEND" = vxlan ]; then
  backend+=", \"VNI\": $OPT_VNI"
  [ "$OPT_PORT" -eq 0 ] || backend+=", \"Port\": $OPT_PORT"
fi
before=$(cat "$settings/net-conf.json" 2>/dev/null || true)
write "$settings/net-conf.json" <<CONF
{
  "Network": "$OPT_CIDR",
  "EnableNFTables": $nftables,
  "Backend": {$backend}
}
CONF
# PartOf: where kubelet has another credential or another API server, flanneld has, too.
write /etc/systemd/system/flanneld.service <<UNIT
[Unit]
Description=flannel, the network of pods
Wants=network-online.target
After=network-online.target
PartOf=kubelet.service
StartLimitIntervalSec=0

[Service]
Type=notify
Environment=NODE_NAME=$(node_name)
ExecStart=/usr/local/bin/flanneld --kube-subnet-mgr --kubeconfig-file=$kubeconfig --net-config-path=$settings/net-conf.json \\
  --iface=${OPT_IFACE:-$ADDRESS} --ip-masq
ExecStartPost=/usr/local/lib/muster/flannel-conflist
Restart=always
RestartSec=2
TimeoutStartSec=120
LimitNOFILE=1048576

[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
link_plugins
{
  echo "pod_cidr=$OPT_CIDR"
  echo "node_cidr_bits=$OPT_NODE_BITS"
} >>"$MUSTER_OUTPUT"

if [ -n "$before" ] && [ "$before" != "$(cat "$settings/net-conf.json")" ]; then
  echo 'another network: what the last one had on this node goes'
  systemctl stop flanneld.service
  flush_routes "$OPT_CIDR"
  flush_links
  flush_rules
fi
if [ -s "$kubeconfig" ] && kubectl get node "$(node_name)" >/dev/null 2>&1; then
  run_service flanneld "$settings/net-conf.json" /usr/local/lib/muster/flannel-conflist ||
    { journalctl -u flanneld.service -n 20 --no-pager; exit 1; }
  echo "pods get addresses of $(sed -n 's/^FLANNEL_SUBNET=//p' /run/flannel/subnet.env), by $OPT_BACKEND"
else
  systemctl enable --quiet flanneld.service
  # As run_service notes it, which looks at this node the next time.
  install -D /dev/null /run/muster/flanneld.started
  systemctl restart --no-block flanneld.service
  echo 'flannel starts when this node has joined'
fi
