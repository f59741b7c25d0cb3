#!/bin/bash
# Reaches the bridge of every peer through the fan, with packets as large as the fan carries.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

name=${OPT_OVERLAY%%.*}
fan=/usr/local/lib/muster/fan
mtu=$("$fan" show "$name" | sed -n 's/^mtu=//p')
ping=(ping)
command -v ping >/dev/null || ping=(busybox ping)

reach() { # reach INDEX
  local unit=REL_HOSTS_${1}_UNIT peer=REL_HOSTS_${1}_ADDRESS bridge
  bridge=$("$fan" bridge-of "$name" "${!peer}")
  # IPv4 and ICMP headers take 28 bytes.
  if "${ping[@]}" -c 2 -W 5 -s $((mtu - 28)) "$bridge" >/dev/null; then
    echo "${!unit}: $bridge answers $mtu-byte packets"
  else
    echo "${!unit}: no answer from $bridge by way of ${!peer}" >&2
    return 1
  fi
}

failed=0
for ((first = 0; first < REL_HOSTS_UNITS; first += 16)); do
  tries=()
  for ((index = first; index < first + 16 && index < REL_HOSTS_UNITS; index++)); do
    reach "$index" &
    tries+=("$!")
  done
  for try in "${tries[@]}"; do wait "$try" || failed=1; done
done
exit "$failed"
