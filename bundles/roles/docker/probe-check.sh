#!/bin/sh
# Runs in the probe container: probe-check UNIT ADDRESS SHA256 PACKET_SIZE. Pings a peer's container, then fetches its
# payload and compares the sum.
set -u
unit=$1 address=$2 sum=$3 size=$4
# IPv4 and ICMP headers take 28 bytes.
ping -c 2 -W 5 "$address" >/dev/null || { echo "$unit: no answer from $address"; exit 1; }
ping -c 2 -W 5 -s $((size - 28)) "$address" >/dev/null || { echo "$unit: no answer from $address to $size-byte packets"; exit 1; }
got=$(wget -q -O - "http://$address:8080/payload" | sha256sum | grep -o '^[0-9a-f]*')
[ "$got" = "$sum" ] || { echo "$unit: what came from $address has sum $got, not $sum"; exit 1; }
echo "$unit: $address answers small and $size-byte packets, and its payload arrived whole"
