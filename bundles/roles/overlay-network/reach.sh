#!/bin/bash
# Reaches every member's bridge in every network by its link-local address, with frames as large as the network carries.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

program=/usr/local/lib/muster/overlay failed=0
for network in $OPT_NETWORKS; do
  name=${network%%:*}
  mtu=$("$program" mtu "$name")
  for ((index = 0; index < REL_MEMBERS_UNITS; index++)); do
    unit=REL_MEMBERS_${index}_UNIT peer=REL_MEMBERS_${index}_ADDRESS
    neighbour=$("$program" neighbour "$name" "${!peer}")
    # IPv6 and ICMPv6 headers take 48 bytes.
    if ping -6 -c 4 -i 0.5 -W 5 -s $((mtu - 48)) "$neighbour%ov-$name" >/dev/null; then
      echo "$name: ${!unit} answers $mtu-byte packets"
    else
      echo "$name: no answer from ${!unit} by way of ${!peer}" >&2
      failed=1
    fi
  done
done
exit "$failed"
