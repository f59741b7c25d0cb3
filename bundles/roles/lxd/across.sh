#!/bin/bash
# From this node's probe container to every other node's: pings, packets as large as the network carries, a transfer.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin:/snap/bin

if [ "$OPT_PROBE" != true ]; then
  echo 'no probe container was wanted: nothing to verify'
  exit 0
fi
mtu=$(lxc exec probe -- ip link show dev eth0 </dev/null | grep -oE 'mtu [0-9]+' | cut -d' ' -f2)
failed=0
for ((index = 0; index < REL_CLUSTER_UNITS; index++)); do
  unit=REL_CLUSTER_${index}_UNIT address=REL_CLUSTER_${index}_CONTAINER_ADDRESS sum=REL_CLUSTER_${index}_PAYLOAD_SHA256
  lxc exec probe -- probe-check "${!unit}" "${!address}" "${!sum}" "$mtu" </dev/null || failed=1
done
[ "$REL_CLUSTER_UNITS" -gt 0 ] || lxc exec probe -- ip addr show dev eth0 </dev/null
exit "$failed"
