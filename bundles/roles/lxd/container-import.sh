#!/bin/bash
# Makes the container $NAME of what another host has packed, and starts it. It keeps its host keys; its address, where that
# is free in this host's network.
set -euo pipefail
. ./engine.sh

file=/var/lib/muster/moving/$NAME.in
if [ "$(setting packed 2>/dev/null || true)" != "$SHA256" ]; then
  if [ "$(sha256sum "$file" | cut -c1-64)" != "$SHA256" ]; then
    echo "cannot unpack $NAME: what came is not what was packed" >&2
    rm -f "$file"
    exit 1
  fi
  if lxc config show "$NAME" >/dev/null 2>&1; then
    own_container
    lxc delete --force "$NAME" # of a move that was given up: the container lived on where it was
  fi
  lxc import --quiet "$file" "$NAME" --storage "$(lxc profile device get muster root pool)"
  own_container
  lxc config set "$NAME" "user.muster.packed=$SHA256"
fi
rm -f "$file"
taken=$(lxc list --format csv -c 4)
if [ -z "$(fixed_address)" ] && ! grep -qwF "$ADDRESS" <<<"$taken"; then
  lxc config device override "$NAME" eth0 ipv4.address="$ADDRESS" 2>/dev/null ||
    echo "$ADDRESS is not of this host's network: $NAME gets another address"
fi
start_and_find "$NAME"
muster-publish address "$address"
echo "container $NAME answers at $address"
