#!/bin/bash
# Run again when a host joins or leaves.
set -euo pipefail
. ./fan-files.sh

lay_fan "$OPT_MASQUERADE" "$OPT_DHCP"
if [ -d /run/systemd/system ]; then
  systemctl enable --quiet "muster-fan@$name.service"
  systemctl start "muster-fan@$name.service"
  if [ "$OPT_DHCP" = true ]; then
    systemctl enable --quiet "muster-fan-dhcp@$name.service"
    systemctl restart "muster-fan-dhcp@$name.service"
  else
    systemctl disable --quiet --now "muster-fan-dhcp@$name.service" 2>/dev/null || true
  fi
fi
/usr/local/lib/muster/fan show "$name" | grep -v '^underlay=' >>"$MUSTER_OUTPUT"
