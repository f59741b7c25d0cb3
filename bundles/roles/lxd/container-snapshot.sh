#!/bin/bash
# $ACTION (create, restore or delete) the snapshot $SNAPSHOT of the container $NAME of the deployment.
set -euo pipefail
. ./engine.sh

own_container
there() { lxc config show "$NAME/$SNAPSHOT" >/dev/null 2>&1; }
case $ACTION in
create) there || lxc snapshot "$NAME" "$SNAPSHOT" ;;
delete) ! there || lxc delete "$NAME/$SNAPSHOT" ;;
restore)
  there || { echo "cannot restore $NAME: it has no snapshot $SNAPSHOT" >&2; exit 78; }
  lxc restore "$NAME" "$SNAPSHOT" # it is stopped for it
  start_and_find "$NAME"
  ;;
esac
echo "$NAME: $ACTION $SNAPSHOT done"
