#!/bin/bash
set -euo pipefail
. ./kubernetes.sh
. ./cni-plugins.sh

install_packages iproute2 iptables nftables iputils-ping containernetworking-plugins
link_plugins
load_modules

if [ "$(/usr/local/bin/flanneld --version 2>&1)" != "v$OPT_VERSION" ]; then
  [ -s "${ARTIFACT_FLANNEL:-}" ] || fail 'the artifact "flannel" was not brought to this node'
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  tar -xzf "$ARTIFACT_FLANNEL" -C "$work" --no-same-owner --touch flanneld
  install -m 0755 "$work/flanneld" /usr/local/bin/flanneld.new
  mv -f /usr/local/bin/flanneld.new /usr/local/bin/flanneld
fi
conflist=/usr/local/lib/muster/flannel-conflist
# A newer one has flanneld restarted.
cmp -s write-conflist "$conflist" || install -D -m 0755 write-conflist "$conflist"
echo "flannel $(/usr/local/bin/flanneld --version 2>&1)"
