#!/bin/bash
# Gives LXD its storage pool and its network by preseed. What is there already is kept: a pool may hold data, and containers
# of others may be attached to the bridge or be made of the profile.
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
own_network() { ! lxc network show lxdbr0 >/dev/null 2>&1 || [ "$(lxc network get lxdbr0 user.muster)" = true ]; }
{
  if ! grep -qx default <<<"$pools"; then
    printf 'storage_pools:\n- name: default\n  driver: %s\n' "$OPT_STORAGE"
    if [ -n "$OPT_STORAGE_SOURCE" ]; then
      printf '  config: {source: "%s"}\n' "$OPT_STORAGE_SOURCE"
    elif [ "$OPT_STORAGE" != dir ]; then
      printf '  config: {size: %s}\n' "$OPT_STORAGE_SIZE"
    fi
  fi
  if [ -z "$bridge" ] && own_network; then
    # An address is given because LXD can take minutes to find a free network.
    printf 'networks:\n- name: lxdbr0\n  type: bridge\n'
    printf '  config: {ipv4.address: "%s", ipv4.nat: "true", ipv6.address: none, user.muster: "true"}\n' "$OPT_BRIDGE_ADDRESS"
  fi
} >preseed.yaml
[ ! -s preseed.yaml ] || lxd init --preseed <preseed.yaml

device() { lxc profile device get default "$1" "$2" 2>/dev/null || true; }
users() { # containers of others that are made of the profile
  local own='^$'
  ! own_probe || own='/probe$'
  lxc profile show default | awk '/^[a-z]/ { on = /^used_by:/ } on && /^- / { print $2 }' | grep -v "$own" || true
}
# An operator may have called it otherwise.
nic=$(lxc profile device list default | while read -r each; do [ "$(device "$each" type)" != nic ] || echo "$each"; done | head -n 1)
attached=${nic:+$(device "$nic" parent)$(device "$nic" network)}
attach() { # attach BRIDGE
  [ "$nic $attached $(device eth0 mtu)" != "eth0 $1 $mtu" ] || return 0
  [ -z "$nic" ] || lxc profile device remove default "$nic" >/dev/null
  lxc profile device add default eth0 nic name=eth0 nictype=bridged "parent=$1" ${mtu:+"mtu=$mtu"}
  lxc profile set default user.muster true
  attached=$1
}
[ -n "$(device root type)" ] || lxc profile device add default root disk path=/ pool=default
if [ "$(lxc profile get default user.muster)" = true ] || [ -z "$(users)" ]; then
  attach "${bridge:-lxdbr0}"
elif [ -n "$bridge" ] && [ "$attached" != "$bridge" ]; then
  fail "the profile \"default\" attaches $(users | wc -l) containers of others to ${attached:-no network}: give them another profile, then this one can be attached to the fan"
fi
echo "containers are attached to ${attached:-no network}"
lxc storage list --format csv
