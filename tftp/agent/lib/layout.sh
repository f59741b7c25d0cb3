# shellcheck shell=dash
# Disk layouts. Every disk gets a GPT with three partitions: 1 room for GRUB on BIOS machines, 2 the EFI system
# partition, 3 the system (a file system for `flat`, an LVM volume group for `lvm`). So it boots on either firmware.

ESP_MEGABYTES=256
TARGET=/mnt

make_layout() {
  layout=$1
  release_disk "$disk"
  wipe_signatures "$disk"
  sgdisk --clear \
    --new=1:2048:4095 --typecode=1:ef02 --change-name=1:bios \
    --new=2:4096:+${ESP_MEGABYTES}M --typecode=2:ef00 --change-name=2:esp \
    --new=3:0:0 --typecode=3:"$([ "$layout" = lvm ] && echo 8e00 || echo 8300)" --change-name=3:system \
    "/dev/$disk" > /dev/null || fail_permanent "cannot partition $disk"
  wait_for_partition "$(partition_of "$disk" 3)"
  esp=/dev/$(partition_of "$disk" 2)
  system=/dev/$(partition_of "$disk" 3)
  root_device=$system
  root_argument=''
  [ "$layout" = lvm ] && make_volume_group
  mkfs.vfat -F 32 -n ESP "$esp" > /dev/null || fail_permanent "cannot make a file system on $esp"
}

make_volume_group() {
  load_extra_drivers dm_mod
  # A name of its own: two disks of one machine may both have been installed by muster.
  volume_group=muster$(head -c 3 /dev/urandom | od -An -tx1 | tr -d ' \n')
  { lvm pvcreate -qq -ff -y "$system" && lvm vgcreate -qq "$volume_group" "$system" &&
    lvm lvcreate -qq -y -Wn -Zn -n root -l 100%FREE "$volume_group"; } ||
    fail_permanent "cannot make an LVM volume group on $system"
  lvm vgchange -qq -ay "$volume_group"
  lvm vgmknodes -qq > /dev/null 2>&1
  root_device=/dev/mapper/$volume_group-root
  root_argument=$root_device
}

make_root() {
  # Tables are made as they are used; the disk was just wiped, so there is nothing to discard.
  mke2fs -q -F -t ext4 -L muster-root -E lazy_itable_init=1,lazy_journal_init=1,nodiscard "$root_device" ||
    fail_permanent "cannot make a file system on $root_device"
}

# A file system that came as an image: it becomes this machine's own, with an identity that no other has, and fills
# its partition. The kernel's driver must be there: resize2fs asks it whether tables may be cleared later.
grow_root() {
  load_extra_drivers ext4
  { tune2fs -U random "$root_device" < /dev/null && resize2fs -f "$root_device"; } > "$ORDER/grow" 2>&1 || {
    undo_write
    fail_permanent "cannot grow the file system on $root_device: $(tail -n 2 "$ORDER/grow" | tr '\n' ' ')"
  }
}

mount_root() {
  root_uuid=$(file_system_uuid "$root_device")
  esp_uuid=$(file_system_uuid "$esp")
  [ -n "$root_uuid" ] && [ -n "$esp_uuid" ] || fail_permanent "cannot read back the file systems of $disk"
  load_extra_drivers ext4
  # What is written now is thrown away after a power cut anyway.
  mount -t ext4 -o noatime,nobarrier,data=writeback "$root_device" "$TARGET" || fail_permanent "cannot mount $root_device"
}

file_system_uuid() {
  blkid_line=$(wipefs --noheadings --parsable --output UUID "$1" 2> /dev/null | head -n 1)
  echo "${blkid_line##*,}"
}

wait_for_partition() {
  tries=0
  until [ -b "/dev/$1" ]; do
    [ $((tries % 10)) = 3 ] && blockdev --rereadpt "/dev/$disk" 2> /dev/null
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || fail_transient "the kernel shows no partition $1"
    usleep 100000
  done
}

# Lets go of everything that still holds a disk: mounts, swap, volume groups.
release_disk() {
  umount -l "$TARGET/boot/efi" 2> /dev/null
  umount -l "$TARGET" 2> /dev/null
  lvm vgchange -qq -an > /dev/null 2>&1
  return 0
}

# Makes a disk unreadable as a system: no signatures, no partition table at either end, no boot code.
wipe_signatures() {
  for partition in /sys/block/"$1"/"$1"*; do
    [ -e "$partition/partition" ] || continue
    wipefs -qaf "/dev/${partition##*/}" 2> /dev/null
    dd if=/dev/zero of="/dev/${partition##*/}" bs=1048576 count=1 2> /dev/null
  done
  wipefs -qaf "/dev/$1" 2> /dev/null
  read_file sectors "/sys/block/$1/size"
  end=$((sectors / 2048 - 1))
  dd if=/dev/zero of="/dev/$1" bs=1048576 count=2 2> /dev/null || return 1
  [ "$end" -gt 2 ] && dd if=/dev/zero of="/dev/$1" bs=1048576 seek="$end" 2> /dev/null
  sync
  blockdev --rereadpt "/dev/$1" 2> /dev/null
  return 0
}
