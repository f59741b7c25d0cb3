#!/bin/bash
# Stops the container $NAME of the deployment and packs it, with its snapshots and settings, for another host.
set -euo pipefail
. ./engine.sh

own_container
folder=/var/lib/muster/moving file=$folder/$NAME.out
install -d -m 0700 "$folder"
if [ "$(state_of "$NAME")" = RUNNING ]; then
  lxc stop "$NAME" --timeout 60 || lxc stop "$NAME" --force
fi

packed_since_it_ran() {
  local ran
  ran=$(lxc query "/1.0/instances/$NAME" | grep -oE '"last_used_at": *"[^"]+' | cut -d'"' -f4)
  [ -n "$ran" ] && [ -e "$file" ] && [ "$(stat -c %Y "$file")" -gt "$(date -d "$ran" +%s)" ]
}

# Without its address, whose device is of this host's network; here it keeps that, also where it is not packed.
fixed=$(fixed_address)
pack() {
  if [ -n "$fixed" ]; then
    trap 'lxc config device override "$NAME" eth0 ipv4.address="$fixed"' EXIT
    lxc config device remove "$NAME" eth0
  fi
  # LXD packs what it sends; the network is faster than gzip.
  lxc export --quiet "$NAME" "$file.part" --compression none
  mv "$file.part" "$file"
}

packed_since_it_ran || pack
muster-publish path "$file"
muster-publish bytes "$(stat -c %s "$file")"
muster-publish sha256 "$(sha256sum "$file" | cut -c1-64)"
