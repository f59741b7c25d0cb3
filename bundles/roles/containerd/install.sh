#!/bin/bash
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive PATH=$PATH:/usr/sbin:/sbin

missing=()
if ! command -v containerd >/dev/null; then
  missing+=(containerd)
  # Noted for the removal: one that was there before stays as it was.
  install -D /dev/null /var/lib/muster/roles/containerd/installed
fi
command -v runc >/dev/null || missing+=(runc)
# kubelet and kube-proxy call these.
command -v iptables >/dev/null || missing+=(iptables)
command -v conntrack >/dev/null || missing+=(conntrack)
if [ "${#missing[@]}" -gt 0 ]; then
  echo "installing ${missing[*]}"
  apt-get -q update
  apt-get -q install -y --no-install-recommends "${missing[@]}"
fi
install -d -m 0755 /usr/local/lib/muster
install -m 0755 containerd-cgroups.sh /usr/local/lib/muster/containerd-cgroups
containerd --version
