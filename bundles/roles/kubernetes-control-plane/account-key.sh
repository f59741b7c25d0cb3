#!/bin/bash
# All control planes sign service accounts by one key. It is made once, by the first of them.
set -euo pipefail
. ./kubernetes.sh

install -d -m 0755 "$pki"
if [ ! -s "$pki/service-account.key" ]; then
  umask 077
  openssl genrsa -out "$pki/service-account.new" 2048 2>/dev/null
  mv "$pki/service-account.new" "$pki/service-account.key"
fi
{
  echo 'secret service_account_key<<MUSTER_END'
  cat "$pki/service-account.key"
  echo MUSTER_END
} >>"$MUSTER_OUTPUT"
