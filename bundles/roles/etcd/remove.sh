#!/bin/bash
# The others go on without this member: one that is only stopped counts on, and so many make that none of them writes. Fails
# where they do not let it go.
set -euo pipefail
. ./etcd-client.sh
. ./membership.sh

leave() {
  local there id
  there=$(members etcd || members ask_others) || return
  id=$(id_of "$own_url" <<<"$there")
  # It is out already, or the last.
  if [ -z "$id" ] || [ "$(wc -l <<<"$there")" -eq 1 ]; then return 0; fi
  if [ "$REL_CLUSTER_UNITS" -gt 0 ]; then ask_others member remove "$id"; else etcd member remove "$id"; fi
}
if has_data; then
  for ((try = 1; ; try++)); do
    ! leave || break
    [ "$try" -lt 5 ] || { echo "cannot leave the cluster: see \`etcdctl member list\` on another unit; its data stays here" >&2; exit 1; }
    sleep "$try"
  done
fi
systemctl disable --quiet --now etcd.service 2>/dev/null || true
rm -rf /etc/etcd/pki "$data" /etc/default/etcd
