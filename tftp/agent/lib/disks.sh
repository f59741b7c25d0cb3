# shellcheck shell=dash
# Disks: which there are, what they say of themselves, and which one an order means.

# Kernel names of whole disks that can hold a system; no loop, RAM, CD, floppy, device-mapper or read-only ones.
disk_names() {
  for block in /sys/block/*; do
    [ -e "$block/device" ] || continue
    case ${block##*/} in sr* | fd* | loop* | ram* | dm-* | md* | nbd* | mtdblock* | mmcblk*boot* | mmcblk*rpmb) continue ;; esac
    read_file sectors "$block/size"
    [ "${sectors:-0}" -gt 0 ] && echo "${block##*/}"
  done
}

# Controllers with many bays take a while to show their disks: wait until the number stays the same, and at most
# some seconds for a first one. Networks are quicker than disks, so nothing else has waited yet.
wait_for_disks() {
  load_drivers
  load_extra_drivers sd_mod
  previous=-1
  quiet=0
  waited=0
  while [ "$waited" -lt 100 ]; do
    count=$(disk_names | wc -l)
    if [ "$count" = "$previous" ]; then quiet=$((quiet + 1)); else quiet=0; fi
    [ "$count" -gt 0 ] && [ "$quiet" -ge 3 ] && ! scan_in_progress && return
    previous=$count
    waited=$((waited + 1))
    usleep 100000
  done
}

# The controller's hosts that have no disk yet may still be looking.
scan_in_progress() {
  [ "$waited" -lt 50 ] || return 1
  for host in /sys/class/scsi_host/*; do
    [ -e "$host" ] || continue
    read_file state "$host/state"
    [ "$state" = running ] || return 0
  done
  return 1
}

# Sets disk_serial, disk_wwn, disk_model, disk_bytes, disk_rotational and disk_bus.
disk_details() {
  block=/sys/block/$1
  read_file sectors "$block/size"
  # The kernel counts sectors of 512 bytes here, whatever the disk's own are.
  disk_bytes=$((sectors * 512))
  read_file disk_rotational "$block/queue/rotational"
  read_file disk_model "$block/device/model"
  read_file disk_wwn "$block/wwid"
  [ -n "$disk_wwn" ] || read_file disk_wwn "$block/device/wwid"
  case $disk_wwn in t10.* | '') disk_wwn='' ;; esac
  read_file disk_serial "$block/serial"
  [ -n "$disk_serial" ] || read_file disk_serial "$block/device/serial"
  [ -n "$disk_serial" ] || disk_serial=$(unit_serial "$block/device/vpd_pg80")
  disk_serial=$(echo "$disk_serial" | sed 's/^ *//; s/ *$//')
  disk_bus=$(disk_bus_of "$1")
}

# SCSI's "unit serial number" page (SPC-4, 7.8.18): four bytes of header, then text.
unit_serial() {
  [ -r "$1" ] && dd if="$1" bs=1 skip=4 2> /dev/null | tr -cd ' -~'
}

disk_bus_of() {
  case $1 in
    vd*) echo virtio ;;
    nvme*) echo nvme ;;
    mmcblk*) echo mmc ;;
    *)
      case $(readlink -f "/sys/block/$1") in
        */usb[0-9]*) echo usb ;;
        */ata[0-9]*) echo ata ;;
        */virtio[0-9]*) echo virtio-scsi ;;
        *) echo scsi ;;
      esac
      ;;
  esac
}

# The name of partition N of a disk: vda2, nvme0n1p2.
partition_of() {
  case $1 in
    *[0-9]) echo "$1p$2" ;;
    *) echo "$1$2" ;;
  esac
}

# choose_disk PATH SERIAL MINIMUM-BYTES (empty: not given); sets disk and its details, or ends the order with the
# reason. A disk whose serial or size does not fit is never written to.
choose_disk() {
  wanted_path=$1 wanted_serial=$2 minimum=$3
  wait_for_disks
  [ -n "$(disk_names)" ] || fail_permanent "no disk: this machine shows none to the kernel (controllers: $(storage_controllers))"
  disk=''
  if [ -n "$wanted_path" ]; then disk=$(disk_by_path "$wanted_path"); else disk=$(smallest_disk); fi
  [ -n "$disk" ] || fail_permanent "no disk fits: wanted path ${wanted_path:-any}, serial ${wanted_serial:-any}, at least $minimum bytes; here: $(disk_list)"
  disk_details "$disk"
  if [ -n "$wanted_serial" ] && [ "$disk_serial" != "$wanted_serial" ]; then
    fail_permanent "wrong disk: $disk has serial ${disk_serial:-none}, the order says $wanted_serial; nothing was written"
  fi
  [ "$disk_bytes" -ge "$minimum" ] || fail_permanent "disk too small: $disk has $disk_bytes bytes, $minimum are needed; nothing was written"
}

# The smallest disk that is large enough and, where a serial is given, has it.
smallest_disk() {
  best='' best_bytes=''
  for name in $(disk_names); do
    disk_details "$name"
    [ -n "$wanted_serial" ] && [ "$disk_serial" != "$wanted_serial" ] && continue
    [ "$disk_bytes" -ge "$minimum" ] || continue
    if [ -z "$best" ] || [ "$disk_bytes" -lt "$best_bytes" ]; then best=$name best_bytes=$disk_bytes; fi
  done
  echo "$best"
}

# There is no udev here: of the by-… links those by WWN and by serial are understood.
disk_by_path() {
  for name in $(disk_names); do
    disk_details "$name"
    compact=$(echo "$disk_serial" | tr ' ' '_')
    case $1 in
      "$name" | "/dev/$name") echo "$name" && return ;;
      /dev/disk/by-id/*) [ -n "$compact" ] && case $1 in *"$compact") echo "$name" && return ;; esac ;;
    esac
    wwn=${disk_wwn#*.}
    case $1 in /dev/disk/by-id/wwn-0x"$wwn") [ -n "$wwn" ] && echo "$name" && return ;; esac
  done
}

disk_list() {
  for name in $(disk_names); do
    disk_details "$name"
    printf '%s (%s bytes, serial %s) ' "$name" "$disk_bytes" "${disk_serial:-none}"
  done
}

# PCI mass storage controllers, by vendor and device: names the missing driver's hardware.
storage_controllers() {
  for device in /sys/bus/pci/devices/*; do
    read_file class "$device/class"
    case $class in
      0x01*)
        read_file vendor "$device/vendor"
        read_file id "$device/device"
        driver=$(readlink "$device/driver"); driver=${driver##*/}
        printf '%s:%s driver %s; ' "${vendor#0x}" "${id#0x}" "${driver:-none}"
        ;;
    esac
  done
}
