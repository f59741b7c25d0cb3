#!/bin/bash
# From this node's probe container to every other node's: pings, packets as large as the network carries, a transfer.
set -euo pipefail
. ./engine.sh

if [ "$OPT_PROBE" != true ]; then
  echo 'no probe container was wanted: nothing to verify'
  exit 0
fi
mtu=$(lxc exec probe -- ip link show dev eth0 </dev/null | grep -oE 'mtu [0-9]+' | cut -d' ' -f2)
failed=0
# Of many units each tries the eight after it: together they try every host, without a load that grows with the square.
tried=$((REL_CLUSTER_UNITS < 8 ? REL_CLUSTER_UNITS : 8))
for ((count = 0; count < tried; count++)); do
  index=$(((UNIT_NUMBER + count) % REL_CLUSTER_UNITS))
  unit=REL_CLUSTER_${index}_UNIT address=REL_CLUSTER_${index}_CONTAINER_ADDRESS sum=REL_CLUSTER_${index}_PAYLOAD_SHA256
  lxc exec probe -- probe-check "${!unit}" "${!address}" "${!sum}" "$mtu" </dev/null || failed=1
done
[ "$REL_CLUSTER_UNITS" -gt 0 ] || lxc exec probe -- ip addr show dev eth0 </dev/null
exit "$failed"
