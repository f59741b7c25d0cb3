#!/bin/bash
set -euo pipefail
. ./cni-plugins.sh
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
link_plugins

load_modules
