#!/bin/bash
# Gives LXD its storage pool and its network by preseed. What is there already is kept: a pool may hold data.
set -euo pipefail
. ./engine.sh

# 78 (EX_CONFIG of sysexits.h): trying again will not help, another option will.
fail() { echo "cannot set LXD up: $*" >&2; exit 78; }
[[ $OPT_STORAGE_SIZE =~ ^[0-9]+(MiB|GiB|TiB|MB|GB|TB)$ ]] || fail "storage-size \"$OPT_STORAGE_SIZE\" is not a size such as 5GiB"
[[ $OPT_STORAGE_SOURCE =~ ^(/[A-Za-z0-9._/:-]+)?$ ]] || fail "storage-source \"$OPT_STORAGE_SOURCE\" is not a path"
[[ $OPT_BRIDGE_ADDRESS =~ ^[0-9.]+/[0-9]+$ ]] || fail "bridge-address \"$OPT_BRIDGE_ADDRESS\" is not an address with its length"
bridge=${REL_FAN_0_BRIDGE:-} mtu=${REL_FAN_0_MTU:-}
[[ $bridge =~ ^[a-z0-9-]{0,15}$ && $mtu =~ ^[0-9]*$ ]] || fail "the fan says bridge \"$bridge\", MTU \"$mtu\""

pools=$(lxc storage list --format csv | cut -d, -f1)
{
  if ! grep -qx default <<<"$pools"; then
    printf 'storage_pools:\n- name: default\n  driver: %s\n' "$OPT_STORAGE"
    if [ -n "$OPT_STORAGE_SOURCE" ]; then
      printf '  config: {source: "%s"}\n' "$OPT_STORAGE_SOURCE"
    elif [ "$OPT_STORAGE" != dir ]; then
      printf '  config: {size: %s}\n' "$OPT_STORAGE_SIZE"
    fi
  fi
  if [ -z "$bridge" ]; then
    bridge=lxdbr0
    # An address is given because LXD can take minutes to find a free network.
    printf 'networks:\n- name: lxdbr0\n  type: bridge\n  config: {ipv4.address: "%s", ipv4.nat: "true", ipv6.address: none}\n' "$OPT_BRIDGE_ADDRESS"
  fi
  printf 'profiles:\n- name: default\n  devices:\n    root: {type: disk, path: /, pool: default}\n'
  printf '    eth0: {type: nic, name: eth0, nictype: bridged, parent: %s%s}\n' "$bridge" "${mtu:+, mtu: \"$mtu\"}"
} >preseed.yaml
lxd init --preseed <preseed.yaml
echo "containers are attached to $bridge"
lxc storage list --format csv
