#!/bin/bash
# Installs the overlay program and what it calls.
set -euo pipefail

changed=''
missing=()
command -v ip >/dev/null || missing+=(iproute2)
command -v nft >/dev/null || [ -x /usr/sbin/nft ] || missing+=(nftables)
command -v ping >/dev/null || missing+=(iputils-ping)
if [ "${#missing[@]}" -gt 0 ]; then
  echo "installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -q update
  apt-get -q install -y --no-install-recommends "${missing[@]}"
  changed=yes
fi
modprobe vxlan 2>/dev/null || true # built in, or already there in a container
install -d -m 0755 /usr/local/lib/muster /etc/muster/overlay

place() { # place FILE TO MODE
  if ! cmp -s "$1" "$2"; then install -m "$3" "$1" "$2"; changed=yes; fi
}
place overlay /usr/local/lib/muster/overlay 0755
if [ -d /run/systemd/system ]; then
  place muster-overlay.service /etc/systemd/system/muster-overlay@.service 0644
  [ -z "$changed" ] || systemctl daemon-reload
fi
[ -n "$changed" ] || muster-unchanged
