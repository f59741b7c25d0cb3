# shellcheck shell=dash
# The process of one order: ORDER (its folder) and kind are in the environment; everything it prints is its log.
MUSTER_LIB=/usr/lib/muster
for part in console drivers network facts lldp disks tests download install layout boot-loader seed ram erase \
  rescue; do
  # shellcheck source=/dev/null
  . "$MUSTER_LIB/$part.sh"
done

# parameter FILTER: a value of the order, as raw text
parameter() { jq -r ".parameters | $1" "$ORDER/order.json"; }

# progress PERCENT MESSAGE: the server hears it with the next report
progress() {
  text=$(echo "$2" | tr -d '"\\')
  echo "$2"
  echo "{\"percent\":$1,\"message\":\"$text\"}" > "$ORDER/progress.new"
  mv "$ORDER/progress.new" "$ORDER/progress"
}

# succeed JSON: the order's output
succeed() {
  echo "$1" | jq -c '{ok: true, output: .}' > "$ORDER/result.new" || fail_permanent "cannot write the result: $1"
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
