# shellcheck shell=dash
# The system below the agent: kernel file systems, command line, and drivers for the hardware that is really there.

prepare_system() {
  mkdir -p /dev/pts /dev/shm /run/muster /run/lock /var/log
  mount -t devpts devpts /dev/pts
  mount -t tmpfs tmpfs /run
  mkdir -p /run/muster /run/lock /run/sshd
  chmod 0755 /run/sshd
  # The kernel tells about devices by netlink only; mdev makes no names, devtmpfs does.
  echo 4 > /proc/sys/kernel/printk
  ip link set lo up
  read_file MUSTER_VERSION /etc/muster/version
}

# Sets MUSTER_BOOT, MUSTER_AGENT, MUSTER_CA, MUSTER_NONCE, MUSTER_PURPOSE and BOOT_MAC.
read_command_line() {
  MUSTER_BOOT='' MUSTER_AGENT='' MUSTER_CA='' MUSTER_NONCE='' MUSTER_PURPOSE='' BOOT_MAC=''
  read_file command_line /proc/cmdline
  for word in $command_line; do
    value=${word#*=}
    case $word in
      muster.boot=*) MUSTER_BOOT=$value ;;
      muster.agent=*) MUSTER_AGENT=$value ;;
      muster.ca=*) MUSTER_CA=$value ;;
      muster.nonce=*) MUSTER_NONCE=$value ;;
      muster.purpose=*) MUSTER_PURPOSE=$value ;;
      # 01- is the ARP hardware type of Ethernet (PXELINUX's IPAPPEND 2).
      BOOTIF=01-*) BOOT_MAC=$(echo "${value#01-}" | tr 'A-F-' 'a-f:') ;;
    esac
  done
}

refuse_without_nonce() {
  for name in MUSTER_BOOT MUSTER_AGENT MUSTER_CA MUSTER_NONCE; do
    eval "value=\$$name"
    [ -n "$value" ] && continue
    say "cannot start: the kernel command line has no $(echo "$name" | tr 'A-Z_' 'a-z.')=; this machine was not booted by muster"
    say "powering off in five minutes"
    sleep 300
    poweroff -f
  done
}

# Loads the drivers that the present devices name, again while drivers make new devices appear (a controller its
# disks, a USB hub its sticks).
load_drivers() {
  tried=/run/muster/modaliases
  # Never empty: busybox grep takes an empty list of patterns for "everything".
  echo none > "$tried"
  round=0
  while [ "$round" -lt 6 ]; do
    round=$((round + 1))
    find /sys/devices -name modalias -exec cat {} + 2> /dev/null | sort -u > /run/muster/present
    new=$(grep -vxF -f "$tried" /run/muster/present) || break
    echo "$new" >> "$tried"
    echo "$new" | tr '\n' '\0' | xargs -0 /usr/bin/modprobe -qab 2> /dev/null
  done
  modprobe -qab af_packet
}

# Drivers of disks, file systems and BMC that no device names by itself.
load_extra_drivers() {
  modprobe -qab "$@"
}

architecture() {
  case $(uname -m) in
    x86_64) echo amd64 ;;
    aarch64) echo arm64 ;;
    *) uname -m ;;
  esac
}

firmware_mode() { if [ -d /sys/firmware/efi ]; then echo uefi; else echo bios; fi; }
