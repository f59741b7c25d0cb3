#!/bin/bash
set -euo pipefail
. ./fan-files.sh

if [ -d /run/systemd/system ]; then
  systemctl disable --quiet --now "muster-fan-dhcp@$name.service" 2>/dev/null || true
  rm -f /etc/systemd/system/muster-fan-dhcp@.service
fi
take_fan
rm -f "/var/lib/muster-fan/fan-$name.leases" "/run/muster/fan-dhcp-$name.started"
rmdir /var/lib/muster-fan 2>/dev/null || true
[ ! -d /run/systemd/system ] || systemctl daemon-reload
