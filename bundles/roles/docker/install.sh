#!/bin/bash
# Installs Docker, unless it is there; and busybox, of which the probe is made.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

missing=()
command -v dockerd >/dev/null || [ -x /usr/sbin/dockerd ] || missing+=(docker.io)
if [ "$OPT_PROBE" = true ]; then command -v busybox >/dev/null || missing+=(busybox-static); fi
if [ "${#missing[@]}" -eq 0 ]; then
  muster-unchanged
  exit 0
fi
# Noted for the removal: what was there before stays.
install -d -m 0755 /var/lib/muster/roles/docker
if [[ " ${missing[*]} " == *' docker.io '* ]]; then
  : >/var/lib/muster/roles/docker/installed
  command -v containerd >/dev/null || : >/var/lib/muster/roles/docker/containerd-too
fi
apt-get -q update
apt-get -q install -y --no-install-recommends "${missing[@]}"
