#!/bin/bash
# Installs apt-cacher-ng, unless it is there.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

if [ "$(dpkg-query -W -f '${db:Status-Status}' apt-cacher-ng 2>/dev/null || true)" = installed ]; then
  muster-unchanged
  exit 0
fi
install -d -m 0755 /var/lib/muster/roles/apt-proxy
: >/var/lib/muster/roles/apt-proxy/installed
apt-get -q update
# Its own question, asked by debconf: tunnels stay shut until the option opens them.
apt-get -q install -y --no-install-recommends apt-cacher-ng
