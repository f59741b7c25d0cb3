#!/bin/bash
# Starts the probe container, waits for its address, and makes the payload in it that the others fetch.
set -euo pipefail
. ./engine.sh

if [ "$OPT_PROBE" != true ]; then
  printf 'container_address=\npayload_sha256=\n' >>"$MUSTER_OUTPUT"
  echo 'no probe container is wanted'
  exit 0
fi

if ! lxc image info muster-probe >/dev/null 2>&1; then
  bash make-probe-image.sh "$PWD/probe.tar.gz"
  lxc image import --quiet probe.tar.gz --alias muster-probe
  rm -f probe.tar.gz
fi
state=$(lxc list '^probe$' --format csv -c s)
if [ -n "$state" ] && ! own_probe; then
  echo 'cannot start the probe: a container of that name is there already; set the option probe to false' >&2
  exit 78
fi
case $state in
  RUNNING) ;;
  '') lxc launch --quiet muster-probe probe </dev/null ;;
  *) lxc start probe ;;
esac

sum=$(lxc exec probe -- probe-payload </dev/null)
[[ $sum =~ ^[0-9a-f]{64}$ ]] || { echo "cannot make the payload in the container: it says \"$sum\"" >&2; exit 1; }

address=''
for ((second = 0; second < 120; second++)); do
  address=$(lxc list '^probe$' --format csv -c 4 | grep -oE '[0-9]+(\.[0-9]+){3}' | head -n 1 || true)
  [ -z "$address" ] || break
  sleep 1
done
[ -n "$address" ] || { echo "the container got no address in 120 seconds: is something giving addresses on its bridge?" >&2; exit 1; }
{
  echo "container_address=$address"
  echo "payload_sha256=$sum"
} >>"$MUSTER_OUTPUT"
echo "container probe has $address"
