# shellcheck shell=dash
# The boot loader, for BIOS and UEFI both. Images that muster built bring GRUB ready-made in BOOT_FILES, laid out for the
# partitions of layout.sh; in others the image's own grub-install is run.
#
# Either firmware starts a GRUB that reads one stub on the EFI system partition; the stub names the root by its UUID.

BOOT_FILES=/usr/lib/muster/boot

write_boot_loader() {
  kernel=$(newest_of vmlinuz)
  initrd=$(newest_of initrd.img)
  [ -n "$kernel" ] || {
    undo_write
    fail_permanent 'the image holds no kernel: no /boot/vmlinuz-* in it'
  }
  mkdir -p "$TARGET/boot/efi" "$TARGET/boot/grub"
  load_extra_drivers vfat nls_cp437 nls_ascii nls_iso8859_1
  mount -t vfat "$esp" "$TARGET/boot/efi" || fail_permanent "cannot mount $esp"
  write_fstab
  write_grub_configuration
  if [ -d "$TARGET$BOOT_FILES" ]; then
    write_uefi_loader
    write_bios_loader
  else
    run_grub_install
  fi
  umount "$TARGET/boot/efi"
}

newest_of() {
  # Version order; the image may bring more than one kernel.
  found=$(find "$TARGET/boot" -maxdepth 1 -name "$1-*" | sort -V | tail -n 1)
  echo "${found#"$TARGET"}"
}

write_fstab() {
  cat > "$TARGET/etc/fstab" << EOF
UUID=$root_uuid / ext4 errors=remount-ro 0 1
UUID=$esp_uuid /boot/efi vfat umask=0077,nofail 0 2
EOF
}

write_grub_configuration() {
  arguments=$(parameter kernelArguments | tr '\n' ' ' | sed 's/ *$//')
  # update-grub, after a new kernel, finds the same arguments here.
  mkdir -p "$TARGET/etc/default/grub.d"
  cat > "$TARGET/etc/default/grub.d/50-muster.cfg" << EOF
GRUB_TIMEOUT=0
GRUB_CMDLINE_LINUX="$arguments"
GRUB_CMDLINE_LINUX_DEFAULT=""
EOF
  {
    case " $arguments " in
      *' console=ttyS0'*) printf 'serial --unit=0 --speed=115200\nterminal_output console serial\n' ;;
    esac
    cat << EOF
set timeout=0
search --no-floppy --fs-uuid --set=root $root_uuid
menuentry "$(parameter image_os) $(parameter image_release)" {
  linux $kernel root=${root_argument:-UUID=$root_uuid} ro $arguments
  initrd $initrd
}
EOF
  } > "$TARGET/boot/grub/grub.cfg"
  os=$(sed -n 's/^ID="\{0,1\}\([a-z]*\).*/\1/p' "$TARGET/etc/os-release")
  # The distribution's signed GRUB reads EFI/<its own name>, ours EFI/muster.
  for folder in muster "$os"; do
    mkdir -p "$TARGET/boot/efi/EFI/$folder"
    cat > "$TARGET/boot/efi/EFI/$folder/grub.cfg" << EOF
search --no-floppy --fs-uuid --set=root $root_uuid
set prefix=(\$root)/boot/grub
configfile \$prefix/grub.cfg
EOF
  done
}

# The removable path: found by any firmware without an entry in its boot order, which therefore stays as it is (network
# first, where the operator set it so).
write_uefi_loader() {
  mkdir -p "$TARGET/boot/efi/EFI/BOOT"
  cp "$TARGET$BOOT_FILES/shimx64.efi" "$TARGET/boot/efi/EFI/BOOT/BOOTX64.EFI" &&
    cp "$TARGET$BOOT_FILES/grubx64.efi" "$TARGET/boot/efi/EFI/BOOT/grubx64.efi" ||
    fail_permanent 'cannot write the UEFI boot loader'
  [ ! -e "$TARGET$BOOT_FILES/mmx64.efi" ] || cp "$TARGET$BOOT_FILES/mmx64.efi" "$TARGET/boot/efi/EFI/BOOT/mmx64.efi"
}

# core.img was made to lie at sector 2048, which boot.img, in the first sector, loads. The partition table shares that
# sector: only its first 440 bytes are code.
write_bios_loader() {
  dd if="$TARGET$BOOT_FILES/core.img" of="/dev/$disk" bs=512 seek=2048 conv=notrunc 2> /dev/null &&
    dd if="$TARGET$BOOT_FILES/boot.img" of="/dev/$disk" bs=440 count=1 conv=notrunc 2> /dev/null ||
    fail_permanent 'cannot write the BIOS boot loader'
}

run_grub_install() {
  for folder in dev proc sys; do mount -o bind "/$folder" "$TARGET/$folder"; done
  if [ "$(firmware_mode)" = uefi ]; then
    set -- --target=x86_64-efi --efi-directory=/boot/efi --removable --no-nvram
  else
    set -- --target=i386-pc "/dev/$disk"
  fi
  chroot "$TARGET" grub-install "$@" > "$ORDER/grub" 2>&1
  code=$?
  for folder in dev proc sys; do umount "$TARGET/$folder"; done
  [ "$code" = 0 ] && return
  undo_write
  fail_permanent "cannot make the disk bootable: the image's grub-install ended with $code: $(tail -n 2 "$ORDER/grub" | tr '\n' ' ')"
}
