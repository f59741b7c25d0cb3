# shellcheck shell=dash
# LLDP (IEEE 802.1AB): which switch and port each NIC is plugged into. Switches speak every 30 seconds and at once
# when a link comes up, so that a few seconds after that nearly all have been heard. Virtual machines have no switch
# that speaks; nothing is waited for there.

listen_for_neighbours() {
  mkdir -p /run/muster/lldp
  [ -z "$(virtualization)" ] || return 0
  listeners=''
  for nic in /sys/class/net/*; do
    [ -e "$nic/device" ] || continue
    name=${nic##*/}
    ip link set "$name" up
    timeout 15 tcpdump -p -i "$name" -c 1 -s 1500 -nn -v ether proto 0x88cc > "/run/muster/lldp/$name.text" 2> /dev/null &
    listeners="$listeners $!"
  done
  progress 20 'listening for the switches (LLDP)'
  # shellcheck disable=SC2086 # a list of process numbers
  wait $listeners
  for text in /run/muster/lldp/*.text; do
    [ -s "$text" ] && neighbour_line "$text" > "${text%.text}"
  done
}

# From tcpdump's words to: chassis, port, system, parted by tabs.
neighbour_line() {
  awk '
    /Chassis ID TLV/ { part = "chassis" }
    /Port ID TLV/ { part = "port" }
    /System Name TLV/ { sub(/.*: */, ""); system_name = $0; part = "" }
    /Subtype/ { value = $0; sub(/.*\([0-9]+\): */, "", value); if (part == "chassis") chassis = value; if (part == "port") port = value; part = "" }
    END { printf "%s\t%s\t%s\n", chassis, port, system_name }' "$1"
}
