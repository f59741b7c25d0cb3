# shellcheck shell=dash
# Hardware tests of commissioning. They say what they looked at; a failure is permanent: the hardware is.

order_test_memory() {
  megabytes=$(parameter megabytes)
  free=$(awk '/^MemAvailable/ {print int($2 / 1024)}' /proc/meminfo)
  # The rest is for the agent itself.
  most=$((free * 85 / 100))
  [ -n "$megabytes" ] && [ "$megabytes" -le "$most" ] || megabytes=$most
  [ "$megabytes" -ge 1 ] || fail_permanent "too little memory to test: $free MiB available"
  progress 5 "testing $megabytes MiB of $free MiB available"
  memtester "${megabytes}M" 1 > "$ORDER/memtester" 2>&1
  code=$?
  # memtester draws its progress with backspaces.
  tr -d '\b' < "$ORDER/memtester" | tr '\r' '\n' | grep -E 'ok|FAILURE|failed' | sed 's/[-\\|/]*\(testing\|setting\) *[0-9]*//g' | tail -n 40
  # Exit codes of memtester(8): 1 could not get memory, 2 and 4 (in any sum) found errors.
  case $code in
    0) succeed "{\"megabytes\": $megabytes}" ;;
    1) fail_transient "memory test could not get $megabytes MiB" ;;
    *) fail_permanent "memory test of $megabytes MiB found errors: $(grep -a FAILURE "$ORDER/memtester" | head -n 3 | tr '\n' ' ')" ;;
  esac
}

# Reads samples of each disk from its start to its end, without writing; asks NVMe disks for their own opinion.
order_test_disk() {
  wait_for_disks
  only=$(parameter path)
  names=$(disk_names)
  if [ -n "$only" ]; then
    names=$(disk_by_path "$only")
    [ -n "$names" ] || fail_permanent "no disk $only; here: $(disk_list)"
  fi
  # One that runs from memory needs none; a controller without a driver is named.
  [ -n "$names" ] || echo "no disk to test (controllers: $(storage_controllers))"
  results=''
  for name in $names; do
    disk_details "$name"
    test_one_disk "$name"
    results="$results{\"name\":\"$name\",\"sizeBytes\":$disk_bytes},"
  done
  succeed "{\"disks\": [${results%,}]}"
}

SAMPLES=16

test_one_disk() {
  name=$1
  step=$((disk_bytes / 1048576 / SAMPLES))
  sample=0
  while [ "$sample" -lt "$SAMPLES" ]; do
    progress $((sample * 100 / SAMPLES)) "reading $name at $((sample * step)) MiB"
    dd if="/dev/$name" of=/dev/null bs=1048576 skip=$((sample * step)) count=4 2> "$ORDER/dd" ||
      fail_permanent "cannot read $name (serial ${disk_serial:-none}) at $((sample * step)) MiB: $(head -n 1 "$ORDER/dd")"
    sample=$((sample + 1))
  done
  case $name in
    nvme*)
      warning=$(nvme smart-log "/dev/$name" -o json 2> /dev/null | jq -r '.critical_warning // 0 | if type == "object" then .value else . end')
      [ "${warning:-0}" = 0 ] || fail_permanent "$name (serial ${disk_serial:-none}) warns of its own failure: critical warning $warning"
      ;;
  esac
}
