#!/bin/bash
# Writes the page and the service that serves it, and says where it is.
set -euo pipefail

[ -d /run/systemd/system ] || { echo "cannot serve the page: this node has no systemd" >&2; exit 78; }
folder=/srv/muster-hello/$APPLICATION service=muster-hello-$APPLICATION.service changed=''

put() { # put FILE: standard input, where it is not that already
  cat >"$1.new"
  if cmp -s "$1.new" "$1"; then rm "$1.new"; else mv "$1.new" "$1"; changed=yes; fi
}

install -d -m 0755 "$folder"
put "$folder/index.html" < <(printf '%s from %s\n' "$OPT_GREETING" "$UNIT")
put "/etc/systemd/system/$service" <<UNIT
[Unit]
Description=The page of $UNIT
After=network-online.target

[Service]
User=www-data
ExecStart=/usr/bin/python3 -m http.server --directory $folder $OPT_PORT
Restart=on-failure

[Install]
WantedBy=multi-user.target
UNIT

if [ -n "$changed" ]; then
  systemctl daemon-reload
  systemctl enable --quiet "$service"
  systemctl restart "$service"
elif systemctl is-active --quiet "$service"; then
  muster-unchanged
else
  systemctl start "$service"
fi
muster-publish url "http://$ADDRESS:$OPT_PORT/"
muster-publish greeting "$OPT_GREETING"
