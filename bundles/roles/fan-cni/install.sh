#!/bin/bash
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive PATH=$PATH:/usr/sbin:/sbin

missing=()
command -v ip >/dev/null || missing+=(iproute2)
command -v nft >/dev/null || missing+=(nftables)
command -v ping >/dev/null || missing+=(iputils-ping)
[ -x /usr/lib/cni/bridge ] || [ -x /opt/cni/bin/bridge ] || missing+=(containernetworking-plugins)
if [ "${#missing[@]}" -gt 0 ]; then
  echo "installing ${missing[*]}"
  apt-get -q update
  apt-get -q install -y --no-install-recommends "${missing[@]}"
fi
# The distribution has the plugins elsewhere than every container runtime looks.
mkdir -p /opt/cni/bin
for plugin in /usr/lib/cni/*; do
  [ ! -x "$plugin" ] || [ -e "/opt/cni/bin/${plugin##*/}" ] || ln -s "$plugin" "/opt/cni/bin/${plugin##*/}"
done

modprobe vxlan 2>/dev/null || true # built in, or already there in a container
modprobe br_netfilter 2>/dev/null || true
install -d -m 0755 /usr/local/lib/muster /etc/muster/fan
install -m 0755 fan /usr/local/lib/muster/fan
install -m 0644 fan.bpf.base64 /usr/local/lib/muster/fan.bpf.base64
install -m 0644 muster-fan.service /etc/systemd/system/muster-fan@.service
systemctl daemon-reload
