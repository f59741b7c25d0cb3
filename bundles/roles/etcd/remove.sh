#!/bin/bash
# The others go on without this member: one that is only stopped counts on, and so many make that none of them writes.
set -euo pipefail
. ./etcd-client.sh
. ./membership.sh

leave() {
  local there
  there=$(members) || return
  [ "$(wc -l <<<"$there")" -gt 1 ] || return 0
  etcd member remove "$(awk -v own="$own_url" '$2 == own { print $1 }' <<<"$there")"
}
if systemctl is-active --quiet etcd.service; then
  for try in 1 2 3; do
    ! leave || break
    sleep "$try"
  done
fi

systemctl disable --quiet --now etcd.service 2>/dev/null || true
rm -rf /etc/etcd/pki /var/lib/etcd/muster /etc/default/etcd
