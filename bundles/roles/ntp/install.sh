#!/bin/bash
# Installs chrony, unless it is there. It takes the place of systemd-timesyncd; what was there is noted for the removal.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

if [ "$(dpkg-query -W -f '${db:Status-Status}' chrony 2>/dev/null || true)" = installed ]; then
  muster-unchanged
  exit 0
fi
install -d -m 0755 /var/lib/muster/roles/ntp
before=''
[ "$(dpkg-query -W -f '${db:Status-Status}' systemd-timesyncd 2>/dev/null || true)" != installed ] || before=systemd-timesyncd
echo "$before" >/var/lib/muster/roles/ntp/before
apt-get -q update
apt-get -q install -y --no-install-recommends chrony
