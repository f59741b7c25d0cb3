#!/bin/bash
# Installs LXD or Incus, unless it is there. Ubuntu has LXD as a snap alone since 20.04, and Incus as a package since 24.04.
set -euo pipefail
. ./engine.sh
export DEBIAN_FRONTEND=noninteractive

. /etc/os-release
install_engine() {
  case $(engine_kind) in
  snap)
    echo "installing the snap lxd from $OPT_CHANNEL"
    command -v snap >/dev/null || { apt-get -q update; apt-get -q install -y snapd; }
    snap wait system seed.loaded
    snap install lxd --channel="$OPT_CHANNEL"
    ;;
  deb)
    [ "$ID" != ubuntu ] || { echo 'cannot use engine deb: Ubuntu has LXD as a snap alone; choose snap or incus' >&2; exit 78; }
    echo "installing Debian's lxd"
    apt-get -q update
    apt-get -q install -y --no-install-recommends lxd lxd-client uidmap nftables dnsmasq-base squashfs-tools
    ;;
  incus)
    echo 'installing Incus'
    apt-get -q update
    apt-cache show incus >/dev/null 2>&1 || { echo "cannot use engine incus: $PRETTY_NAME has no package of it" >&2; exit 78; }
    apt-get -q install -y --no-install-recommends incus uidmap nftables dnsmasq-base squashfs-tools
    ;;
  esac
}

engine_is_there() {
  case $(engine_kind) in
  incus) command -v incus >/dev/null ;;
  snap) [ -e /snap/bin/lxd ] ;;
  deb) command -v lxd >/dev/null && command -v lxc >/dev/null ;;
  esac
}

install_packages() {
  apt-get -q update
  apt-get -q install -y --no-install-recommends "$@"
}

engine_is_there || install_engine
[ "$OPT_PROBE" != true ] || command -v busybox >/dev/null || install_packages busybox-static
case $OPT_STORAGE in
  btrfs) command -v mkfs.btrfs >/dev/null || install_packages btrfs-progs ;;
  zfs)
    modprobe zfs 2>/dev/null || [ -e /sys/module/zfs ] || {
      echo "cannot use storage zfs: the kernel $(uname -r) has no zfs module; install it (zfs-dkms), or choose dir or btrfs" >&2
      exit 78
    }
    command -v zpool >/dev/null || install_packages zfsutils-linux
    ;;
esac

# Unprivileged containers need a range of ids to map into. The snap brings its own. In a container there are only so many
# ids, and Debian's package writes a range that goes beyond them.
ids=$(awk '$1 == 0 { print $3 }' /proc/self/uid_map)
range_fits() { # FILE: root has a range that this host has
  awk -F: -v ids="$ids" '$1 == "root" { found = 1; if ($2 + $3 > ids) over = 1 } END { exit !(found && !over) }' "$1" 2>/dev/null
}
if [ ! -e /snap/bin/lxd ] && ! { range_fits /etc/subuid && range_fits /etc/subgid; }; then
  count=$((ids > 1001000000 ? 1000000000 : ids - 1000000))
  [ "$count" -ge 65536 ] || { echo "cannot run unprivileged containers here: this host has $ids ids" >&2; exit 78; }
  for file in /etc/subuid /etc/subgid; do
    touch "$file"
    sed -i '/^root:/d' "$file"
    echo "root:1000000:$count" >>"$file"
  done
  [ ! -d /run/systemd/system ] || systemctl try-restart lxd.service incus.service 2>/dev/null || true
fi
for service in lxd.service incus.service; do
  if [ -d /run/systemd/system ] && systemctl cat "$service" >/dev/null 2>&1; then
    systemctl start "$service" || true # waitready below says what is wrong
    # By itself it starts at boot where its database says that a container is wanted; after a power cut that is not written.
    systemctl --quiet add-wants multi-user.target "$service" || true
  fi
done
lxd waitready --timeout=300
lxc version
