#!/bin/bash
# Installs LXD, unless it is there: Debian's package, or the snap on Ubuntu (which has no other since 20.04).
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin:/snap/bin HOME=${HOME:-/root} DEBIAN_FRONTEND=noninteractive

. /etc/os-release
if ! command -v lxd >/dev/null || ! command -v lxc >/dev/null; then
  if [ "$ID" = ubuntu ]; then
    echo "installing the snap lxd from $OPT_CHANNEL"
    command -v snap >/dev/null || { apt-get -q update; apt-get -q install -y snapd; }
    snap wait system seed.loaded
    snap install lxd --channel="$OPT_CHANNEL"
  else
    echo "installing Debian's lxd"
    apt-get -q update
    apt-get -q install -y --no-install-recommends lxd lxd-client uidmap nftables
  fi
fi
case $OPT_STORAGE in
  btrfs) command -v mkfs.btrfs >/dev/null || apt-get -q install -y --no-install-recommends btrfs-progs ;;
  zfs)
    modprobe zfs 2>/dev/null || [ -e /sys/module/zfs ] || {
      echo "cannot use storage zfs: the kernel $(uname -r) has no zfs module; install it (zfs-dkms), or choose dir or btrfs" >&2
      exit 78
    }
    command -v zpool >/dev/null || apt-get -q install -y --no-install-recommends zfsutils-linux
    ;;
esac

# Unprivileged containers need a range of ids to map into. The snap brings its own.
if [ ! -e /snap/bin/lxd ] && ! grep -q '^root:' /etc/subuid 2>/dev/null; then
  echo 'root:1000000:1000000000' >>/etc/subuid
  echo 'root:1000000:1000000000' >>/etc/subgid
  [ ! -d /run/systemd/system ] || systemctl restart lxd.service
fi
if [ -d /run/systemd/system ] && systemctl list-unit-files lxd.service >/dev/null 2>&1; then
  systemctl start lxd.service || true # waitready below says what is wrong
fi
lxd waitready --timeout=300
lxc version
