#!/bin/bash
# Makes the authority's key and certificate, once.
set -euo pipefail

directory=${MUSTER_AUTHORITY_DIRECTORY:-/etc/muster/authority}
umask 077
mkdir -p "$directory"
[[ $OPT_COMMON_NAME =~ ^[A-Za-z0-9\ ._-]{1,60}$ ]] || { echo "cannot use the common name \"$OPT_COMMON_NAME\"" >&2; exit 78; }
if [ ! -s "$directory/ca.crt" ]; then
  openssl ecparam -name prime256v1 -genkey -noout -out "$directory/ca.key"
  openssl req -x509 -new -sha256 -key "$directory/ca.key" -subj "/CN=$OPT_COMMON_NAME" -days "$OPT_CA_DAYS" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign -out "$directory/ca.new"
  mv "$directory/ca.new" "$directory/ca.crt"
fi
{
  echo 'ca<<MUSTER_END'
  cat "$directory/ca.crt"
  echo MUSTER_END
} >>"$MUSTER_OUTPUT"
openssl x509 -in "$directory/ca.crt" -noout -subject -enddate
