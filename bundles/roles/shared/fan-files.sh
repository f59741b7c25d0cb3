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

# lay_fan MASQUERADE DHCP: writes the fan's two files from the deployment's own list of hosts, and lays it.
lay_fan() {
  local index peer
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
  /usr/local/lib/muster/fan up "$name"
}
