#!/bin/bash
# Run again when a host joins or leaves.
set -euo pipefail
. ./fan-files.sh

lay_fan "$OPT_MASQUERADE" "$OPT_DHCP"
# What the server of addresses goes by, and the bridge it is bound to.
served() {
  /usr/local/lib/muster/fan show "$name"
  cat "$directory/$name.conf" /usr/local/lib/muster/fan /etc/systemd/system/muster-fan-dhcp@.service "/sys/class/net/fan-$name/ifindex"
}
if [ -d /run/systemd/system ]; then
  systemctl enable --quiet "muster-fan@$name.service"
  systemctl start "muster-fan@$name.service"
  if [ "$OPT_DHCP" = true ]; then
    systemctl enable --quiet "muster-fan-dhcp@$name.service"
    started=/run/muster/fan-dhcp-$name.started sum=$(served | sha256sum)
    if [ "$sum" != "$(cat "$started" 2>/dev/null)" ] || ! systemctl is-active --quiet "muster-fan-dhcp@$name.service"; then
      systemctl restart "muster-fan-dhcp@$name.service"
      mkdir -p "${started%/*}"
      echo "$sum" >"$started"
    fi
  else
    systemctl disable --quiet --now "muster-fan-dhcp@$name.service" 2>/dev/null || true
  fi
fi
/usr/local/lib/muster/fan show "$name" | grep -v '^underlay=' >>"$MUSTER_OUTPUT"
