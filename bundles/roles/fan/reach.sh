#!/bin/bash
# Reaches the bridge of every peer through the fan, with packets as large as the fan carries.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

name=${OPT_OVERLAY%%.*}
fan=/usr/local/lib/muster/fan
mtu=$("$fan" show "$name" | sed -n 's/^mtu=//p')
ping=(ping)
command -v ping >/dev/null || ping=(busybox ping)

failed=0
for ((index = 0; index < REL_HOSTS_UNITS; index++)); do
  unit=REL_HOSTS_${index}_UNIT peer=REL_HOSTS_${index}_ADDRESS
  bridge=$("$fan" bridge-of "$name" "${!peer}")
  # IPv4 and ICMP headers take 28 bytes.
  if "${ping[@]}" -c 3 -W 5 -s $((mtu - 28)) "$bridge" >/dev/null; then
    echo "${!unit}: $bridge answers $mtu-byte packets"
  else
    echo "${!unit}: no answer from $bridge by way of ${!peer}" >&2
    failed=1
  fi
done
exit "$failed"
