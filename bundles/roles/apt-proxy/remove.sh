#!/bin/bash
# Takes the cache and what is in it away where this role brought it.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

rm -f /etc/apt-cacher-ng/zz_muster.conf
if [ -e /var/lib/muster/roles/apt-proxy/installed ]; then
  apt-get -q purge -y apt-cacher-ng
  systemctl reset-failed apt-cacher-ng.service 2>/dev/null || true # what it left of its end
  rm -rf /var/cache/apt-cacher-ng /var/log/apt-cacher-ng /etc/apt-cacher-ng /var/lib/muster/roles/apt-proxy
  rmdir /var/lib/muster/roles 2>/dev/null || true
elif systemctl list-unit-files apt-cacher-ng.service >/dev/null 2>&1; then
  systemctl restart apt-cacher-ng.service
fi
