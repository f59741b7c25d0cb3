# shellcheck shell=dash
# Install: an operating system onto one disk. Whatever goes wrong, the disk does not boot: the loader is written last,
# after every byte of the image was checked.

order_install() {
  hostname=$(parameter hostname)
  form=$(parameter image_form)
  progress 1 'looking for the disk'
  choose_disk "$(parameter disk_path)" "$(parameter disk_serial)" "$(parameter disk_minimumBytes)"
  progress 3 "writing to $disk ($disk_bytes bytes, serial ${disk_serial:-none})"
  case $form in
    raw) install_raw ;;
    ext4) install_file_system ;;
    tar | squashfs) install_root ;;
    *) fail_permanent "unknown form of image: $form" ;;
  esac
  make_host_keys
  write_identity "$TARGET"
  write_seed "$TARGET"
  write_host_keys "$TARGET"
  progress 93 'finishing the disk'
  [ "$form" = raw ] || write_boot_loader
  finish_disk
  succeed "$(jq -n --rawfile keys "$HOST_KEYS/public" --arg path "/dev/$disk" --arg serial "$disk_serial" \
    --argjson size "$disk_bytes" --argjson written "$image_bytes" --arg mode "$(firmware_mode)" '{
      hostKeys: ($keys | split("\n") | map(select(. != ""))),
      disk: {path: $path, serial: (if $serial == "" then null else $serial end), sizeBytes: $size},
      bytesWritten: $written, bootMode: $mode}')"
}

# The file system as it was built, then grown to its partition: no file is made one by one.
install_file_system() {
  make_layout "$(parameter layout)"
  progress 8 'writing'
  fetch_image write_file_system 8 88
  grow_root
  mount_root
  check_root
}

write_file_system() { decompress > "$root_device"; }

install_root() {
  make_layout "$(parameter layout)"
  make_root
  mount_root
  progress 8 'unpacking'
  if [ "$form" = tar ]; then
    fetch_image unpack_tar 8 88
  else
    fetch_image store_squashfs 8 60
    copy_squashfs
  fi
  check_root
}

check_root() {
  [ -x "$TARGET/usr/bin/env" ] || {
    undo_write
    fail_permanent "the image holds no root file system: no /usr/bin/env in it"
  }
}

unpack_tar() {
  decompress | tar -xp --numeric-owner --xattrs --xattrs-include='*' --warning=no-timestamp -f - -C "$TARGET"
}

# A squashfs cannot be read from a stream: it is laid down beside the files it is unpacked to.
store_squashfs() { decompress > "$TARGET/.muster-image"; }

copy_squashfs() {
  load_extra_drivers loop squashfs
  mkdir -p /run/muster/image
  mount -t squashfs -o loop,ro "$TARGET/.muster-image" /run/muster/image || {
    undo_write
    fail_permanent 'cannot mount the image: not a squashfs that this kernel reads'
  }
  progress 62 'copying the files'
  # A pipe's status is its last program's, and both ends matter here.
  set -o pipefail
  tar -c --numeric-owner --xattrs --xattrs-include='*' -C /run/muster/image . |
    tar -xp --numeric-owner --xattrs --xattrs-include='*' -C "$TARGET" || {
    undo_write
    fail_permanent 'cannot copy the files of the image'
  }
  set +o pipefail
  umount /run/muster/image
  rm -f "$TARGET/.muster-image"
}

install_raw() {
  release_disk "$disk"
  wipe_signatures "$disk"
  fetch_image write_raw 5 90
  sync
  # The image is smaller than the disk: its second partition table belongs at the end.
  sgdisk -e "/dev/$disk" > /dev/null 2>&1
  blockdev --rereadpt "/dev/$disk"
  mount_raw_root
}

write_raw() { decompress | dd of="/dev/$disk" bs=1048576 iflag=fullblock conv=fsync 2> /dev/null; }

# The root of a disk image is the partition that has an /etc.
mount_raw_root() {
  load_extra_drivers ext4 xfs btrfs
  for tries in 1 2 3 4 5 6 7 8 9 10; do
    for partition in /sys/block/"$disk"/"$disk"*; do
      [ -e "$partition/partition" ] || continue
      root_device=/dev/${partition##*/}
      for type in ext4 xfs btrfs; do
        mount -t "$type" "$root_device" "$TARGET" 2> /dev/null || continue
        [ -d "$TARGET/etc" ] && return
        umount "$TARGET"
      done
    done
    usleep 500000
  done
  undo_write
  fail_permanent "no root file system found in the disk image after $tries looks"
}

finish_disk() {
  sync
  umount "$TARGET" || fail_transient "cannot unmount $root_device"
  [ -n "${volume_group:-}" ] && lvm vgchange -qq -an "$volume_group"
  sync
}

# After a failure: nothing on the disk may look like a system.
undo_write() {
  [ -n "${disk:-}" ] || return 0
  umount /run/muster/image 2> /dev/null
  release_disk "$disk"
  wipe_signatures "$disk"
}
