# shellcheck shell=dash
# Erase: every disk of the machine. quick: signatures, first and last MiB; secure: the disk's own command, or discard;
# full: zeros over everything. A disk that cannot do what was asked fails the order; nothing weaker is done instead.

order_erase() {
  mode=$(parameter mode)
  wait_for_disks
  names=$(disk_names)
  number=$(echo "$names" | grep -c .)
  done_disks=0
  results=''
  for name in $names; do
    disk_details "$name"
    progress $((done_disks * 100 / number)) "erasing $name ($mode, $disk_bytes bytes, serial ${disk_serial:-none})"
    release_disk "$name"
    case $mode in
      quick) wipe_signatures "$name" || fail_permanent "cannot write to $name" ;;
      secure) erase_secure "$name" ;;
      full) erase_full "$name" ;;
      *) fail_permanent "unknown mode of erase: $mode" ;;
    esac
    done_disks=$((done_disks + 1))
    results="$results{\"name\":\"$name\",\"sizeBytes\":$disk_bytes},"
  done
  succeed "{\"disks\": [${results%,}]}"
}

erase_secure() {
  case $1 in
    nvme*) erase_nvme "$1" && wipe_signatures "$1" && return ;;
    sd*) erase_ata "$1" && wipe_signatures "$1" && return ;;
  esac
  # A device that promises zeros after a discard, or takes a secure one.
  { blkdiscard -f --secure "/dev/$1" 2> /dev/null || { discards_to_zero "$1" && blkdiscard -f "/dev/$1" 2> /dev/null; }; } &&
    wipe_signatures "$1" && return
  fail_permanent "$1 (serial ${disk_serial:-none}) has no secure erase that works: neither ATA, NVMe nor secure discard; use mode full"
}

# User data erase, of this namespace (NVM Express base specification, Format NVM, SES = 1).
erase_nvme() { nvme format "/dev/$1" --ses=1 --force > "$ORDER/nvme" 2>&1; }

# ATA security erase needs a password first; a drive that the firmware froze refuses.
erase_ata() {
  hdparm -I "/dev/$1" > "$ORDER/hdparm" 2> /dev/null || return 1
  grep -q 'SECURITY ERASE UNIT' "$ORDER/hdparm" || return 1
  if ! grep -q 'not.*frozen' "$ORDER/hdparm"; then
    echo "$1: its firmware froze the ATA security functions; a power cycle (not a restart) may thaw them"
    return 1
  fi
  hdparm --user-master u --security-set-pass muster "/dev/$1" > /dev/null 2>&1 &&
    hdparm --user-master u --security-erase muster "/dev/$1" > /dev/null 2>&1 && return
  # Never leave a drive locked.
  hdparm --user-master u --security-disable muster "/dev/$1" > /dev/null 2>&1
  return 1
}

# Discards a piece at the start and reads it back.
discards_to_zero() {
  tr '\0' '\377' < /dev/zero | dd of="/dev/$1" bs=1048576 count=1 iflag=fullblock conv=fsync 2> /dev/null
  blkdiscard -f --offset 0 --length 1048576 "/dev/$1" 2> /dev/null || return 1
  blockdev --flushbufs "/dev/$1"
  [ "$(dd if="/dev/$1" bs=1048576 count=1 2> /dev/null | tr -d '\0' | head -c 1 | wc -c)" = 0 ]
}

erase_full() {
  megabytes=$((disk_bytes / 1048576))
  position=0
  while [ "$position" -lt "$megabytes" ]; do
    count=$((megabytes - position > 256 ? 256 : megabytes - position))
    dd if=/dev/zero of="/dev/$1" bs=1048576 seek="$position" count="$count" conv=fsync,notrunc 2> "$ORDER/dd" ||
      fail_permanent "cannot write to $1 (serial ${disk_serial:-none}) at $position MiB: $(head -n 1 "$ORDER/dd")"
    position=$((position + count))
    progress $(((done_disks * 100 + position * 100 / megabytes) / number)) "erasing $1: $position of $megabytes MiB" > /dev/null
  done
  # What is left is less than a MiB.
  wipe_signatures "$1"
}
