#!/bin/bash
# One certificate for what etcd is to its clients, its peers, and itself as a client of them.
set -euo pipefail
. ./certificates.sh

pki=/etc/etcd/pki
name=$(hostname)
begin_requests
request etcd peer "/CN=$name" "IP:$ADDRESS,IP:127.0.0.1,DNS:localhost,DNS:$name"
request health client '/CN=etcd-health'
end_requests
echo "member=${UNIT/\//-}" >>"$MUSTER_OUTPUT"
