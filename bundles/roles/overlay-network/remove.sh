#!/bin/bash
# Takes away the networks of this application, and the program with the last of them.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

directory=/etc/muster/overlay program=/usr/local/lib/muster/overlay
for conf in "$directory"/*.conf; do
  [ -e "$conf" ] && grep -qx "OWNER=$APPLICATION" "$conf" || continue
  name=$(basename "$conf" .conf)
  [ ! -d /run/systemd/system ] || systemctl disable --quiet --now "muster-overlay@$name.service" 2>/dev/null || true
  "$program" down "$name"
  rm -f "$conf" "$directory/$name.peers"
done
compgen -G "$directory/*.conf" >/dev/null && exit 0
rm -rf "$directory" "$program" /etc/systemd/system/muster-overlay@.service
rmdir /etc/muster /usr/local/lib/muster 2>/dev/null || true
[ ! -d /run/systemd/system ] || systemctl daemon-reload
