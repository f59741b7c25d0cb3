#!/bin/bash
# Every member answers, and what one writes the cluster reads.
set -euo pipefail
. ./etcd-client.sh
. ./membership.sh

endpoints=$({ echo "$name $ADDRESS"; other_units; } | awk -v port="$OPT_PORT" '{ print "https://" $2 ":" port }' | paste -sd,)
etcd put "/muster/verify/$UNIT" "$(date -u +%FT%TZ)" >/dev/null
etcd endpoint health
# Each of a cluster of its own would answer, too; and one that is no more counts where they agree.
there=$(endpoints='' members etcd)
while read -r member address; do
  [ -n "$(id_of "https://$address:$OPT_PEER_PORT" <<<"$there")" ] || { echo "$member is not of the same cluster" >&2; exit 1; }
done < <(other_units)
while read -r id peer _; do
  [ -n "$(member_of "$peer")" ] || { echo "the cluster has a member at $peer, which is no unit: \`etcdctl member remove $id\`" >&2; exit 1; }
done <<<"$there"
[ -n "$(etcd get "/muster/verify/$UNIT" --print-value-only)" ] || { echo "cannot read back what was written" >&2; exit 1; }
etcd del "/muster/verify/$UNIT" >/dev/null
