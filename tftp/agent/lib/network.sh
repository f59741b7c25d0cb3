# shellcheck shell=dash
# The network: the NIC that the firmware booted from, an address for it, and curl with the patience that boots need.

# Finds the NIC with BOOT_MAC (or, where the firmware did not say, the first one) and gets an address by DHCP. Never
# gives up: a switch port may take a minute to forward, a server may be down.
start_network() {
  complaint=0
  until find_boot_nic; do
    [ $((complaint % 20)) = 9 ] && say "no NIC with address ${BOOT_MAC:-any} yet; NICs here: $(nic_list); is its driver missing?"
    complaint=$((complaint + 1))
    sleep 0.2
    [ $((complaint % 25)) = 0 ] && load_drivers
  done
  ip link set "$BOOT_NIC" up
  until udhcpc -q -n -f -t 8 -T 1 -A 2 -i "$BOOT_NIC" -s /usr/lib/muster/udhcpc.sh > /run/muster/udhcpc.log 2>&1; do
    read_file carrier "/sys/class/net/$BOOT_NIC/carrier"
    say "no address by DHCP on $BOOT_NIC (link: ${carrier:-?}); trying again"
    load_drivers
  done
  say "network: $BOOT_NIC $(ip -4 -o addr show dev "$BOOT_NIC" | awk '{print $4; exit}')"
}

find_boot_nic() {
  for nic in /sys/class/net/*; do
    [ -e "$nic/device" ] || continue
    read_file mac "$nic/address"
    if [ -z "$BOOT_MAC" ] || [ "$mac" = "$BOOT_MAC" ]; then
      BOOT_NIC=${nic##*/}
      BOOT_MAC=$mac
      return 0
    fi
  done
  return 1
}

nic_list() {
  for nic in /sys/class/net/*; do
    [ "${nic##*/}" = lo ] && continue
    read_file mac "$nic/address"
    printf '%s=%s ' "${nic##*/}" "$mac"
  done
}

# Waits between tries: 1, 2, 4, 8, then 15 seconds; or for as long as a busy server just said. back_off TRY
back_off() {
  case ${RETRY_AFTER:-} in
    [1-9] | [1-5][0-9])
      sleep "$RETRY_AFTER"
      RETRY_AFTER=''
      return
      ;;
  esac
  case $1 in
    0 | 1) sleep 1 ;;
    2) sleep 2 ;;
    3) sleep 4 ;;
    4) sleep 8 ;;
    *) sleep 15 ;;
  esac
}
