#!/bin/bash
# From this node's probe container to every other node's, where they are on one fan: pings, packets as large as the network
# carries, a transfer. Without a fan, from the node to its own container.
set -euo pipefail

if [ "$OPT_PROBE" != true ]; then
  echo 'no probe container was wanted: nothing to verify'
  exit 0
fi
mtu=$(docker exec muster-probe ip link show dev eth0 | grep -oE 'mtu [0-9]+' | cut -d' ' -f2)
if [ "$REL_FAN_UNITS" -eq 0 ]; then
  docker exec muster-probe sh -c 'wget -q -O - http://127.0.0.1:8080/payload | sha256sum'
  echo 'there is no fan: containers of different nodes do not see one another'
  exit 0
fi
failed=0
# Of many units each tries the eight after it: together they try every host, without a load that grows with the square.
tried=$((REL_CLUSTER_UNITS < 8 ? REL_CLUSTER_UNITS : 8))
for ((count = 0; count < tried; count++)); do
  index=$(((UNIT_NUMBER + count) % REL_CLUSTER_UNITS))
  unit=REL_CLUSTER_${index}_UNIT address=REL_CLUSTER_${index}_CONTAINER_ADDRESS sum=REL_CLUSTER_${index}_PAYLOAD_SHA256
  docker exec muster-probe probe-check "${!unit}" "${!address}" "${!sum}" "$mtu" || failed=1
done
exit "$failed"
