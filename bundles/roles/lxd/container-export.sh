#!/bin/bash
# Stops the container $NAME of the deployment and packs it, with its snapshots and settings, for another host.
set -euo pipefail
. ./engine.sh

own_container
folder=/var/lib/muster/moving file=$folder/$NAME.out
install -d -m 0700 "$folder"
if [ "$(state_of "$NAME")" = RUNNING ]; then
  rm -f "$file" # of a move that was given up
  lxc stop "$NAME" --timeout 60 || lxc stop "$NAME" --force
fi
if [ ! -e "$file" ]; then
  # LXD packs what it sends; the network is faster than gzip.
  lxc export "$NAME" "$file.part" --compression none
  mv "$file.part" "$file"
fi
muster-publish path "$file"
muster-publish bytes "$(stat -c %s "$file")"
muster-publish sha256 "$(sha256sum "$file" | cut -c1-64)"
