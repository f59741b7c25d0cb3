#!/bin/sh
# Called by mmdebstrap when all packages are installed, with the new root: makes of it an image for system containers.
# What belongs to one container (name, network, keys) is put in before it first starts.
set -eu
root=$1

main() {
  configure_services
  forget_this_build
}

configure_services() {
  for unit in systemd-networkd systemd-resolved ssh; do
    chroot "$root" systemctl enable "$unit" > /dev/null 2>&1 || chroot "$root" systemctl enable "$unit.socket"
  done
  # muster says what is installed and when; a background update holds apt's lock against it.
  for unit in apt-daily.timer apt-daily-upgrade.timer; do
    chroot "$root" systemctl disable "$unit" > /dev/null 2>&1 || true
  done
  mkdir -p "$root/etc/ssh/sshd_config.d"
  printf 'PasswordAuthentication no\nUseDNS no\n' > "$root/etc/ssh/sshd_config.d/50-muster.conf"
}

# Nothing of one build may be in two containers.
forget_this_build() {
  rm -f "$root"/etc/ssh/ssh_host_* "$root/var/lib/dbus/machine-id" "$root/var/lib/systemd/random-seed"
  rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/*.log "$root"/var/log/apt "$root"/tmp/*
  mkdir -p "$root/var/lib/apt/lists/partial" "$root/var/cache/apt/archives/partial"
  : > "$root/etc/machine-id"
  rm -f "$root/etc/hostname"
  ln -sfn ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
}

main
