#!/bin/bash
set -euo pipefail
. ./kubernetes.sh
. ./certificates.sh
. ./node.sh

name=$(node_name)
begin_requests
request_node "$name"
end_requests
echo "node_name=$name" >>"$MUSTER_OUTPUT"
