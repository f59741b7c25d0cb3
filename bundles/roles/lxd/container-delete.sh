#!/bin/bash
# Deletes the container $NAME of the deployment (empty: all of them), and with the last one what they stood on.
set -euo pipefail
. ./engine.sh

command -v lxc >/dev/null || exit 0
lxc profile show muster >/dev/null 2>&1 || exit 0
for name in ${NAME:-$(lxc list --format csv -c n)}; do
  [ "$(lxc config get "$name" user.muster.deployment 2>/dev/null)" = "$DEPLOYMENT" ] || continue
  lxc delete --force "$name"
  rm -f "/var/lib/muster/moving/$name.out"
  echo "container $name is deleted"
done

lxc profile show muster | grep -q '^used_by: \[\]' || exit 0
lxc profile delete muster
for alias in $(lxc image alias list --format csv | cut -d, -f1 | grep '^muster-[a-z]*-[0-9.]*-[0-9a-f]*$' || true); do lxc image delete "$alias"; done
lxc network show musterbr0 >/dev/null 2>&1 && lxc network delete musterbr0
! lxc storage show muster >/dev/null 2>&1 || lxc storage delete muster
