# shellcheck shell=dash
# The process of one order: ORDER (its folder) and kind are in the environment; everything it prints is its log.
MUSTER_LIB=/usr/lib/muster
for part in console drivers network facts lldp disks tests download install layout boot-loader seed ram erase \
  rescue; do
  # shellcheck source=/dev/null
  . "$MUSTER_LIB/$part.sh"
done

# The values of the order, as order.jq has laid them out.
# shellcheck source=/dev/null
. "$ORDER/order"

# parameter NAME: a value of the order, of a nested one `image_form`; empty where it is null
parameter() { eval "printf '%s\n' \"\${parameter_$1:-}\""; }

# progress PERCENT MESSAGE: the server hears it with the next report
progress() {
  text=$(echo "$2" | tr -d '"\\')
  echo "$2"
  echo "{\"percent\":$1,\"message\":\"$text\"}" > "$ORDER/progress.new"
  mv "$ORDER/progress.new" "$ORDER/progress"
}

# succeed JSON: the order's output
succeed() {
  [ -n "$1" ] || fail_permanent 'cannot put the result together'
  printf '{"ok": true, "output": %s}\n' "$1" > "$ORDER/result.new" || fail_permanent 'cannot write the result'
  mv "$ORDER/result.new" "$ORDER/result"
  exit 0
}

case $kind in
  facts) order_facts ;;
  test-memory) order_test_memory ;;
  test-disk) order_test_disk ;;
  install) order_install ;;
  boot-ram) order_boot_ram ;;
  erase) order_erase ;;
  rescue) order_rescue ;;
  reboot | power-off)
    echo "$kind" > "$ORDER/then"
    succeed '{}'
    ;;
  *) fail_permanent "unknown order: $kind; this memory environment ($(cat /etc/muster/version)) is older than the server" ;;
esac
