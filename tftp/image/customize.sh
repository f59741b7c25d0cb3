#!/bin/sh
# Called by mmdebstrap when all packages are installed, with the new root: makes of it an image that the agent can put
# on any machine. Everything that belongs to one machine (name, keys, fstab, seed) comes at install.
set -eu
root=$1
boot_files=$root/usr/lib/muster/boot

main() {
  check_initramfs
  build_bios_loader
  collect_uefi_loader
  configure_services
  configure_cloud_init
  forget_this_build
}

# The kernel's package made one, with what prepare.sh had laid down.
check_initramfs() {
  ls "$root"/boot/vmlinuz-* "$root"/boot/initrd.img-* > /dev/null
}

# GRUB for BIOS machines, ready to be written: boot.img to the disk's first sector, core.img to sector 2048 and on, where
# the agent's layout keeps a partition for it. It reads EFI/muster/grub.cfg on the second partition.
build_bios_loader() {
  mkdir -p "$boot_files"
  chroot "$root" grub-mkimage -O i386-pc -p '(,gpt2)/EFI/muster' -o /usr/lib/muster/boot/core.img \
    biosdisk part_gpt fat ext2 lvm search search_fs_uuid search_label configfile linux normal echo serial terminal test \
    boot gzio ls halt reboot all_video
  cp "$root/usr/lib/grub/i386-pc/boot.img" "$boot_files/boot.img"
  sectors=$((($(stat -c %s "$boot_files/core.img") + 511) / 512))
  truncate -s $((sectors * 512)) "$boot_files/core.img"
  # What grub-bios-setup would write (grub-core/boot/i386/pc/boot.S, diskboot.S): the sector of core.img; the jump around
  # the check of the drive number, left out for hard disks; the rest of core.img as one list entry: sector after the
  # first, count, segment 0x820.
  patch boot.img 92 '\000\010\000\000\000\000\000\000'
  patch boot.img 102 '\220\220'
  count=$(printf '\\%03o\\%03o' $(((sectors - 1) % 256)) $(((sectors - 1) / 256)))
  patch core.img 500 "\001\010\000\000\000\000\000\000$count\040\010"
  # What update-grub writes later loads more modules from here.
  mkdir -p "$root/boot/grub"
  ln -sfn ../../usr/lib/grub/i386-pc "$root/boot/grub/i386-pc"
}

# patch FILE OFFSET OCTAL-BYTES
patch() {
  # shellcheck disable=SC2059 # the escapes are the data
  printf "$3" | dd of="$boot_files/$1" bs=1 seek="$2" conv=notrunc status=none
}

# The distribution's own signed files: they start with Secure Boot and without.
collect_uefi_loader() {
  first_of shimx64.efi "$root"/usr/lib/shim/shimx64.efi.signed.latest "$root"/usr/lib/shim/shimx64.efi.signed
  first_of grubx64.efi "$root"/usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed
  first_of mmx64.efi "$root"/usr/lib/shim/mmx64.efi.signed "$root"/usr/lib/shim/mmx64.efi
}

first_of() {
  name=$1
  shift
  for file in "$@"; do
    [ -e "$file" ] || continue
    cp -L "$file" "$boot_files/$name"
    return
  done
  echo "no $name in the packages of this distribution" >&2
  exit 1
}

configure_services() {
  for unit in systemd-networkd systemd-resolved ssh; do
    chroot "$root" systemctl enable "$unit" > /dev/null 2>&1 || chroot "$root" systemctl enable "$unit.socket"
  done
  # muster says what is installed and when; a background update holds apt's lock against it.
  for unit in apt-daily.timer apt-daily-upgrade.timer e2scrub_reap.service; do
    chroot "$root" systemctl disable "$unit" > /dev/null 2>&1 || true
  done
  mkdir -p "$root/etc/ssh/sshd_config.d"
  printf 'PasswordAuthentication no\nUseDNS no\n' > "$root/etc/ssh/sshd_config.d/50-muster.conf"
}

configure_cloud_init() {
  cat > "$root/etc/cloud/cloud.cfg.d/90-muster.cfg" << 'EOF'
datasource_list: [NoCloud, None]
system_info:
  network:
    renderers: [netplan, networkd, eni]
# apt's sources are the image's own.
apt_preserve_sources_list: true
apt:
  preserve_sources_list: true
EOF
}

# Nothing of one build may be on two machines.
forget_this_build() {
  rm -f "$root"/etc/ssh/ssh_host_* "$root/var/lib/dbus/machine-id" "$root/var/lib/systemd/random-seed"
  rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root"/var/log/*.log "$root"/var/log/apt "$root"/tmp/*
  mkdir -p "$root/var/lib/apt/lists/partial" "$root/var/cache/apt/archives/partial"
  : > "$root/etc/machine-id"
  rm -f "$root/etc/hostname"
  ln -sfn ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
}

main
