#!/bin/bash
# Gives the host's engine what nodes in containers stand on: a pool, a network, and the profile `muster`. What is there
# is used as it is; what is made here is called `muster` and goes with the last container.
set -euo pipefail
. ./engine.sh

pools=$(lxc storage list --format csv | cut -d, -f1)
pool=$(grep -x default <<<"$pools" || head -n 1 <<<"$pools")
if [ -z "$pool" ]; then
  pool=muster
  lxc storage create muster dir
fi

# On the fan where the host is in one; else on the network that containers of this host are on; else on one of our own.
nic=''
if [ "$ON_FAN" = true ]; then
  for bridge in /sys/class/net/fan-*/bridge; do
    [ -e "$bridge" ] || continue
    name=$(basename "$(dirname "$bridge")")
    nic="nictype: bridged, parent: $name, mtu: \"$(cat "/sys/class/net/$name/mtu")\""
  done
  [ -n "$nic" ] || { echo 'cannot find the bridge of the fan on this host' >&2; exit 1; }
fi
if [ -z "$nic" ]; then
  parent=$(lxc profile device get default eth0 parent 2>/dev/null || true)
  network=$(lxc profile device get default eth0 network 2>/dev/null || true)
  if [ -n "$network" ]; then nic="network: $network"; elif [ -n "$parent" ]; then nic="nictype: bridged, parent: $parent"; fi
fi
if [ -z "$nic" ]; then
  if ! lxc network show musterbr0 >/dev/null 2>&1; then
    # An address is given because LXD can take minutes to find a free network; it must not be one of the host's own.
    free=''
    for number in $(seq 177 250); do
      [ -z "$(ip -4 route show root "10.$number.0.0/16")" ] || continue
      [ -z "$(ip -4 route show match "10.$number.0.0/16" | grep -v '^default' || true)" ] || continue
      free=$number
      break
    done
    [ -n "$free" ] || { echo 'cannot find a free network among 10.177.0.0/16 to 10.250.0.0/16' >&2; exit 1; }
    lxc network create musterbr0 "ipv4.address=10.$free.0.1/24" ipv4.nat=true ipv6.address=none
  fi
  nic='network: musterbr0'
fi

lxc profile show muster >/dev/null 2>&1 || lxc profile create muster
lxc profile edit muster <<PROFILE
name: muster
description: nodes of muster
config: {}
devices:
  root: {type: disk, path: /, pool: $pool}
  eth0: {type: nic, name: eth0, $nic}
PROFILE

# Each container takes some of these; the kernel's 128 let only some sixteen come up.
instances=/proc/sys/fs/inotify/max_user_instances
[ "$(cat "$instances")" -ge 1024 ] || echo 1024 >"$instances" 2>/dev/null || echo "cannot raise $instances" >&2
echo "containers go to pool $pool, $nic"
