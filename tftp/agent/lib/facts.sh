# shellcheck shell=dash
# Facts: what this machine is made of. Each list is gathered as lines of fields parted by a unit separator, by the
# shell alone (a program per field would take seconds), and made into JSON once, at the end.

FS=$(printf '\037')

order_facts() {
  progress 10 'looking at the hardware'
  load_extra_drivers ipmi_si ipmi_devintf
  wait_for_disks
  listen_for_neighbours
  facts=/run/muster/facts
  mkdir -p "$facts"
  disk_lines > "$facts/disks"
  nic_lines > "$facts/nics"
  pci_lines > "$facts/pci"
  usb_lines > "$facts/usb"
  system_lines > "$facts/system"
  grep -E '^(model name|physical id|cpu cores|processor|flags|core id)' /proc/cpuinfo > "$facts/cpu"
  progress 80 'putting the facts together'
  succeed "$(jq -n -c \
    --rawfile disks "$facts/disks" --rawfile nics "$facts/nics" --rawfile pci "$facts/pci" --rawfile usb "$facts/usb" \
    --rawfile system "$facts/system" --rawfile cpu "$facts/cpu" -f /usr/lib/muster/facts.jq)"
}

# line FIELD...: the fields as one line
line() {
  joined=''
  for field in "$@"; do joined="$joined$field$FS"; done
  echo "${joined%"$FS"}"
}

disk_lines() {
  for name in $(disk_names); do
    disk_details "$name"
    line "$name" "$disk_serial" "$disk_wwn" "$disk_model" "$disk_bytes" "$disk_rotational" "$disk_bus"
  done
}

nic_lines() {
  for nic in /sys/class/net/*; do
    [ -e "$nic/device" ] || continue
    name=${nic##*/}
    read_file mac "$nic/address"
    driver=$(readlink "$nic/device/driver")
    # A NIC that is down knows neither its link nor its speed.
    read_file speed "$nic/speed"
    read_file carrier "$nic/carrier"
    neighbour=''
    [ -r "/run/muster/lldp/$name" ] && read_file neighbour "/run/muster/lldp/$name"
    line "$name" "$mac" "${driver##*/}" "$speed" "$carrier" "$([ "$name" = "$BOOT_NIC" ] && echo 1)" "$neighbour"
  done
}

pci_lines() {
  for device in /sys/bus/pci/devices/*; do
    [ -e "$device" ] || continue
    read_file class "$device/class"
    read_file vendor "$device/vendor"
    read_file id "$device/device"
    line "${device##*/}" "${class#0x}" "${vendor#0x}" "${id#0x}"
  done
}

usb_lines() {
  for device in /sys/bus/usb/devices/*; do
    [ -e "$device/idVendor" ] || continue
    read_file vendor "$device/idVendor"
    read_file product "$device/idProduct"
    read_file name "$device/product"
    line "$vendor" "$product" "$name"
  done
}

# Name and value, a pair each line.
system_lines() {
  for key in sys_vendor product_name product_serial product_uuid bios_vendor bios_version bios_date; do
    read_file value "/sys/class/dmi/id/$key"
    line "$key" "$value"
  done
  line architecture "$(architecture)"
  line firmware "$(firmware_mode)"
  line secure_boot "$(secure_boot)"
  line memory_kilobytes "$(awk '/^MemTotal/ {print $2}' /proc/meminfo)"
  line numa_nodes "$(find /sys/devices/system/node -maxdepth 1 -name 'node[0-9]*' 2> /dev/null | wc -l)"
  line kernel "$(uname -r)"
  line virtualization "$(virtualization)"
  read_file tpm /sys/class/tpm/tpm0/tpm_version_major
  line tpm "$tpm"
  line bmc_type "$([ -e /dev/ipmi0 ] && echo ipmi)"
  line bmc_address "$(bmc_address)"
}

# 1 or 0; nothing where the firmware does not say. The value follows four bytes of attributes (UEFI 2.10, 8.2).
secure_boot() {
  [ -d /sys/firmware/efi ] || return 0
  modprobe -qab efivarfs
  mount -t efivarfs efivarfs /sys/firmware/efi/efivars 2> /dev/null
  variable=/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c
  # Read from its start: this file system does not seek.
  [ -r "$variable" ] && od -An -tu1 "$variable" | awk '{print $5}'
}

# The hypervisor's name, nothing on bare metal.
virtualization() {
  grep -q '^flags.* hypervisor' /proc/cpuinfo || grep -q QEMU /sys/class/dmi/id/sys_vendor 2> /dev/null || return 0
  read_file vendor /sys/class/dmi/id/sys_vendor
  read_file product /sys/class/dmi/id/product_name
  case "$vendor $product" in
    *VMware*) echo vmware ;;
    *VirtualBox* | *innotek*) echo virtualbox ;;
    *Microsoft*) echo hyperv ;;
    *Xen*) echo xen ;;
    *) echo qemu ;;
  esac
}

# The BMC's own address, by in-band IPMI. A BMC that hangs must not hold up the facts.
bmc_address() {
  [ -e /dev/ipmi0 ] || return 0
  timeout 10 ipmitool lan print 2> /dev/null | sed -n 's/^IP Address  *: *//p'
}
