#!/bin/bash
# Lays the networks that the option names, and takes away those of this application that it names no more. What stays is
# not touched. Run again when a node joins or leaves.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

directory=/etc/muster/overlay program=/usr/local/lib/muster/overlay changed=''
# 78 (EX_CONFIG of sysexits.h): trying again will not help, another option will.
fail() { echo "cannot lay the networks: $*" >&2; exit 78; }

put() { # put FILE: standard input, where it is not that already
  cat >"$1.new"
  if cmp -s "$1.new" "$1"; then rm "$1.new"; else mv "$1.new" "$1"; changed=yes; fi
}

names=' ' numbers=' '
for network in $OPT_NETWORKS; do
  [[ $network =~ ^([a-z][a-z0-9-]{0,11}):([0-9]{1,8})$ ]] || fail "\"$network\" is not such as lan:1001"
  name=${BASH_REMATCH[1]} number=$((10#${BASH_REMATCH[2]}))
  ((number > 0 && number < 16777216)) || fail "the number of \"$network\" is not of 24 bits"
  [[ $names != *" $name "* && $numbers != *" $number "* ]] || fail "\"$network\" has a name or a number that another has"
  if [ -e "$directory/$name.conf" ] && ! grep -qx "OWNER=$APPLICATION" "$directory/$name.conf"; then
    fail "the network \"$name\" is another application's on this node"
  fi
  names+="$name " numbers+="$number "
done

take_away() { # take_away NAME
  [ ! -d /run/systemd/system ] || systemctl disable --quiet --now "muster-overlay@$1.service" 2>/dev/null || true
  "$program" down "$1"
  rm -f "$directory/$1.conf" "$directory/$1.peers"
  echo "$1: taken away"
  changed=yes
}
for conf in "$directory"/*.conf; do
  [ -e "$conf" ] || continue
  name=$(basename "$conf" .conf)
  if [[ $names != *" $name "* ]] && grep -qx "OWNER=$APPLICATION" "$conf"; then take_away "$name"; fi
done

mtu=''
for network in $OPT_NETWORKS; do
  name=${network%%:*}
  put "$directory/$name.conf" <<CONF
OWNER=$APPLICATION
VNI=$((10#${network##*:}))
PORT=$OPT_PORT
ADDRESS=$ADDRESS
CONF
  for ((index = 0; index < REL_MEMBERS_UNITS; index++)); do
    peer=REL_MEMBERS_${index}_ADDRESS
    echo "${!peer}"
  done >peers
  put "$directory/$name.peers" <peers
  said=$("$program" up "$name")
  [ -z "$said" ] || { echo "$said"; changed=yes; }
  [ ! -d /run/systemd/system ] || systemctl enable --quiet "muster-overlay@$name.service"
  mtu=$("$program" mtu "$name")
done
muster-publish networks "${names:1}"
muster-publish mtu "$mtu"
[ -n "$changed" ] || muster-unchanged
