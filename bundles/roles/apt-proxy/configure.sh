#!/bin/bash
# Settings in a file of their own, which apt-cacher-ng reads after the distribution's.
set -euo pipefail

changed=''
put() { # put FILE: standard input, where it is not that already
  cat >"$1.new"
  if cmp -s "$1.new" "$1"; then rm "$1.new"; else mv "$1.new" "$1"; changed=yes; fi
}

settings() {
  echo "Port: $OPT_PORT"
  echo "BindAddress: $ADDRESS localhost"
  # Only the port of https, so that nobody tunnels to anything else.
  if [ "$OPT_TUNNEL" = true ]; then echo 'PassThroughPattern: ^[^:]*:443$'; fi
}
put /etc/apt-cacher-ng/zz_muster.conf < <(settings)

service=apt-cacher-ng.service
if [ -n "$changed" ]; then
  systemctl enable --quiet "$service"
  systemctl restart "$service"
elif systemctl is-active --quiet "$service"; then
  muster-unchanged
else
  systemctl start "$service"
fi
muster-publish url "http://$ADDRESS:$OPT_PORT"
muster-publish tunnel "$OPT_TUNNEL"
