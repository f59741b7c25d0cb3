#!/bin/bash
set -euo pipefail
. ./kubernetes.sh

install_packages haproxy curl
haproxy -v
echo "port=$OPT_PORT" >>"$MUSTER_OUTPUT"
