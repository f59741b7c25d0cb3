#!/bin/bash
# By the node's own credential. Fails where a pod does not move: the node stays without new ones, until uncordon.
set -euo pipefail
. ./kubernetes.sh
. ./node.sh

drain "$PARAM_TIMEOUT_SECONDS" --force="$PARAM_FORCE"
muster-publish node "$(node_name)"
