#!/bin/bash
# Writes the fan's two files from the deployment's own list of hosts, and lays it. Run again when a host joins or leaves.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

[[ $OPT_OVERLAY =~ ^([0-9]{1,3})\. ]] || { echo "cannot read the overlay \"$OPT_OVERLAY\"" >&2; exit 78; }
name=${BASH_REMATCH[1]}
directory=/etc/muster/fan

write() { # write FILE: standard input, in one piece
  cat >"$1.new"
  mv "$1.new" "$1"
}

write "$directory/$name.conf" <<CONF
OVERLAY=$OPT_OVERLAY
UNDERLAY=$OPT_UNDERLAY
ADDRESS=$ADDRESS
MODE=$OPT_MODE
VNI=$OPT_VNI
PORT=$OPT_PORT
MASQUERADE=$OPT_MASQUERADE
DHCP=$OPT_DHCP
CONF

for ((index = 0; index < REL_HOSTS_UNITS; index++)); do
  peer=REL_HOSTS_${index}_ADDRESS
  echo "${!peer}"
done | write "$directory/$name.peers"

/usr/local/lib/muster/fan up "$name"
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
