#!/bin/bash
# Lays the fan as the role fan does, without its DHCP: here the CNI gives the addresses.
set -euo pipefail
. ./fan-files.sh
. ./cni-plugins.sh

if grep -qx 'DHCP=true' "$directory/$name.conf" 2>/dev/null; then
  echo "cannot give pods the fan $name: its own DHCP gives its addresses; set dhcp of the role fan to false" >&2
  exit 78
fi

lay_fan true false
systemctl enable --quiet "muster-fan@$name.service"
systemctl start "muster-fan@$name.service"

declare -A fan
while IFS='=' read -r key value; do fan[$key]=$value; done < <(/usr/local/lib/muster/fan show "$name")
link_plugins
mkdir -p /etc/cni/net.d
# Pods on one bridge that speak by a service's address must pass the packet filter; kube-proxy masks them where they cannot.
if [ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]; then echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables; fi
write /etc/cni/net.d/10-fan.conflist <<CNI
{
  "cniVersion": "0.4.0",
  "name": "fan",
  "plugins": [
    {
      "type": "bridge",
      "bridge": "${fan[bridge]}",
      "isGateway": true,
      "ipMasq": false,
      "hairpinMode": true,
      "mtu": ${fan[mtu]},
      "ipam": {
        "type": "host-local",
        "ranges": [[{"subnet": "${fan[slice]}", "gateway": "${fan[bridge_address]}"}]],
        "routes": [{"dst": "0.0.0.0/0"}]
      }
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
CNI
{
  echo "pod_cidr=${fan[overlay]}"
  # The fan says by itself which addresses are whose.
  echo "node_cidr_bits="
  echo "slice=${fan[slice]}"
  echo "bridge=${fan[bridge]}"
  echo "bridge_address=${fan[bridge_address]}"
} >>"$MUSTER_OUTPUT"
echo "pods get addresses of ${fan[slice]}"
