# shellcheck shell=bash
# Sourced by the roles that lay a fan. Sets `name`, by which the fan is known on a host, and `directory`.
PATH=$PATH:/usr/sbin:/sbin

[[ $OPT_OVERLAY =~ ^([0-9]{1,3})\. ]] || { echo "cannot read the overlay \"$OPT_OVERLAY\"" >&2; exit 78; }
name=${BASH_REMATCH[1]}
directory=/etc/muster/fan

write() { # write FILE: standard input, in one piece
  cat >"$1.new"
  mv "$1.new" "$1"
}

# systemd-networkd takes away, as it starts, the routes of its links that it has not made.
keep_routes() {
  local settings=/etc/systemd/networkd.conf.d
  if grep -qsx MODE=direct "$directory"/*.conf; then
    mkdir -p "$settings"
    printf '# Written by muster.\n[Network]\nManageForeignRoutes=no\n' >"$settings/60-muster-fan.conf"
  else
    rm -f "$settings/60-muster-fan.conf"
    rmdir "$settings" 2>/dev/null || true
  fi
}

# With each fan that is laid: another role may have taken its fan away, and the program with it.
place_program() {
  local unit=/etc/systemd/system/muster-fan@.service
  install -d -m 0755 /usr/local/lib/muster "$directory"
  install -m 0755 fan /usr/local/lib/muster/fan
  install -m 0644 fan.bpf.base64 /usr/local/lib/muster/fan.bpf.base64
  if [ ! -d /run/systemd/system ] || cmp -s muster-fan.service "$unit"; then return 0; fi
  install -m 0644 muster-fan.service "$unit"
  systemctl daemon-reload
}

# take_fan: takes this fan away, and the program with the last of them.
take_fan() {
  [ ! -d /run/systemd/system ] || systemctl disable --quiet --now "muster-fan@$name.service" 2>/dev/null || true
  [ ! -e "$directory/$name.conf" ] || /usr/local/lib/muster/fan down "$name"
  rm -f "$directory/$name.conf" "$directory/$name.peers"
  keep_routes
  if compgen -G "$directory/*.conf" >/dev/null; then return 0; fi
  rm -rf "$directory" /usr/local/lib/muster/fan /usr/local/lib/muster/fan.bpf.base64 /etc/systemd/system/muster-fan@.service
  rmdir /etc/muster /usr/local/lib/muster 2>/dev/null || true
  [ ! -d /run/systemd/system ] || systemctl daemon-reload
}

# lay_fan MASQUERADE DHCP: writes the fan's two files from the deployment's own list of hosts, and lays it.
lay_fan() {
  local index peer
  place_program
  write "$directory/$name.conf" <<CONF
OVERLAY=$OPT_OVERLAY
UNDERLAY=$OPT_UNDERLAY
ADDRESS=$ADDRESS
MODE=$OPT_MODE
VNI=$OPT_VNI
PORT=$OPT_PORT
MASQUERADE=$1
DHCP=$2
CONF
  for ((index = 0; index < REL_HOSTS_UNITS; index++)); do
    peer=REL_HOSTS_${index}_ADDRESS
    echo "${!peer}"
  done | write "$directory/$name.peers"
  keep_routes
  /usr/local/lib/muster/fan up "$name"
}
