#!/bin/bash
# Every member answers, and what one writes the cluster reads.
set -euo pipefail
. ./etcd-client.sh

endpoints=https://$ADDRESS:$OPT_PORT
etcd put "/muster/verify/$UNIT" "$(date -u +%FT%TZ)" >/dev/null
for ((index = 0; index < REL_CLUSTER_UNITS; index++)); do
  address=REL_CLUSTER_${index}_ADDRESS
  endpoints+=,https://${!address}:$OPT_PORT
done
etcd endpoint health
[ -n "$(etcd get "/muster/verify/$UNIT" --print-value-only)" ] || { echo "cannot read back what was written" >&2; exit 1; }
etcd del "/muster/verify/$UNIT" >/dev/null
