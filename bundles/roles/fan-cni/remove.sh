#!/bin/bash
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

name=${OPT_OVERLAY%%.*}
rm -f /etc/cni/net.d/10-fan.conflist
rm -rf /var/lib/cni/networks/fan
systemctl disable --quiet --now "muster-fan@$name.service" 2>/dev/null || true
[ ! -e "/etc/muster/fan/$name.conf" ] || /usr/local/lib/muster/fan down "$name"
rm -f "/etc/muster/fan/$name.conf" "/etc/muster/fan/$name.peers" /etc/systemd/system/muster-fan@.service
systemctl daemon-reload
