#!/bin/bash
set -euo pipefail
. ./kubernetes.sh
. ./node.sh

drain_node
remove_node
rm -rf /etc/kubernetes /run/muster/kube*.started
rm -f /usr/local/bin/kube{let,-proxy,ctl}
