#!/bin/bash
# Installs what the fan's program calls. Everything but dnsmasq and nftables is on every Debian and Ubuntu.
set -euo pipefail

missing=()
command -v ip >/dev/null || missing+=(iproute2)
command -v nft >/dev/null || [ -x /usr/sbin/nft ] || missing+=(nftables)
if [ "$OPT_DHCP" = true ]; then command -v dnsmasq >/dev/null || [ -x /usr/sbin/dnsmasq ] || missing+=(dnsmasq-base); fi
if [ "${#missing[@]}" -gt 0 ]; then
  echo "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -q update
  apt-get -q install -y --no-install-recommends "${missing[@]}"
fi

modprobe vxlan 2>/dev/null || true # built in, or already there in a container
if [ -d /run/systemd/system ]; then
  install -m 0644 muster-fan-dhcp.service /etc/systemd/system/muster-fan-dhcp@.service
  systemctl daemon-reload
fi
