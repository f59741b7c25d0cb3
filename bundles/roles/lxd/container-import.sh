#!/bin/bash
# Makes the container $NAME of what another host has packed, and starts it. It keeps its host keys; its address, where that
# is free in this host's network.
set -euo pipefail
. ./engine.sh

file=/var/lib/muster/moving/$NAME.in
if ! lxc config show "$NAME" >/dev/null 2>&1; then
  if [ "$(sha256sum "$file" | cut -c1-64)" != "$SHA256" ]; then
    echo "cannot unpack $NAME: what came is not what was packed" >&2
    rm -f "$file"
    exit 1
  fi
  lxc import "$file" "$NAME" --storage "$(lxc profile device get muster root pool)"
fi
own_container
rm -f "$file"
taken=$(lxc list --format csv -c 4)
if [ -z "$(lxc config device get "$NAME" eth0 ipv4.address 2>/dev/null || true)" ] && ! grep -qwF "$ADDRESS" <<<"$taken"; then
  lxc config device override "$NAME" eth0 ipv4.address="$ADDRESS" 2>/dev/null ||
    echo "$ADDRESS is not of this host's network: $NAME gets another address"
fi
start_and_find "$NAME"
muster-publish address "$address"
echo "container $NAME answers at $address"
