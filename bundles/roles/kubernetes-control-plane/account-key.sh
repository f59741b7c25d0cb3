#!/bin/bash
# All control planes sign service accounts by one key, which the first of them makes. It is kept in etcd, beside the tokens'
# cluster and out of the API's reach: a control plane in another's place goes on with it, and tokens stay good.
set -euo pipefail
. ./kubernetes.sh
. ./certificates.sh

take_certificates
[ "$REL_ETCD_UNITS" -gt 0 ] || fail 'there is no etcd: relate "etcd" to etcd:db'
name=$(printf /muster/kubernetes/service-account-key | base64 -w 0)

etcd() { # etcd PATH <JSON: etcd's gateway, see its "gRPC gateway"
  local index endpoint
  cat >request.json
  for ((index = 0; index < REL_ETCD_UNITS; index++)); do
    endpoint=REL_ETCD_${index}_ENDPOINT
    curl --silent --show-error --fail --noproxy '*' --max-time 20 --cacert "$pki/ca.crt" \
      --cert "$pki/apiserver-etcd-client.crt" --key "$pki/apiserver-etcd-client.key" \
      --data @request.json "${!endpoint}/v3/kv/$1" && return
  done
  return 1
}
kept_key() { etcd range <<<"{\"key\": \"$name\"}" | jq -er '.kvs[0].value // ""' | base64 -d; }

umask 077
trap 'rm -f request.json' EXIT
kept=$(kept_key)
if [ -z "$kept" ]; then
  # "/registry/" up to "/registry0": what the API keeps.
  used=$(etcd range <<<'{"key": "L3JlZ2lzdHJ5Lw==", "range_end": "L3JlZ2lzdHJ5MA==", "limit": 1, "keys_only": true}' | jq -r '.count // 0')
  [ -s "$pki/service-account.key" ] || [ "$used" = 0 ] ||
    fail "etcd has a cluster whose key for service accounts is not here, and all of its tokens are signed with it: copy
$pki/service-account.key from another control plane to this one. If there is none any more, make one (openssl genrsa -out
$pki/service-account.key 2048) and start the pods again"
  [ -s "$pki/service-account.key" ] || openssl genrsa -out "$pki/service-account.new" 2048 2>/dev/null
  [ ! -e "$pki/service-account.new" ] || mv "$pki/service-account.new" "$pki/service-account.key"
  etcd put >/dev/null <<<"{\"key\": \"$name\", \"value\": \"$(base64 -w 0 "$pki/service-account.key")\"}"
  kept=$(kept_key)
fi
write "$pki/service-account.key" <<<"$kept"
{
  echo 'secret service_account_key<<MUSTER_END'
  echo "$kept"
  echo MUSTER_END
} >>"$MUSTER_OUTPUT"
