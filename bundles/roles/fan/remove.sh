#!/bin/bash
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

name=${OPT_OVERLAY%%.*}
if [ -d /run/systemd/system ]; then
  systemctl disable --quiet --now "muster-fan-dhcp@$name.service" "muster-fan@$name.service" 2>/dev/null || true
  rm -f /etc/systemd/system/muster-fan@.service /etc/systemd/system/muster-fan-dhcp@.service
  systemctl daemon-reload
fi
[ ! -e "/etc/muster/fan/$name.conf" ] || /usr/local/lib/muster/fan down "$name"
rm -f "/etc/muster/fan/$name.conf" "/etc/muster/fan/$name.peers" "/var/lib/muster-fan/fan-$name.leases"
