#!/bin/bash
# Starts the probe container and makes the payload in it that the others fetch.
set -euo pipefail

if [ "$OPT_PROBE" != true ]; then
  muster-publish container_address ''
  muster-publish payload_sha256 ''
  echo 'no probe container is wanted'
  muster-unchanged
  exit 0
fi

for ((second = 0; second < 60; second++)); do
  ! docker info >/dev/null 2>&1 || break
  sleep 1
done
docker info >/dev/null || { echo "Docker does not answer after a minute: see journalctl -u docker" >&2; exit 1; }

changed=''
if ! docker image inspect muster-probe >/dev/null 2>&1; then
  bash make-probe-image.sh
  changed=yes
fi
if [ "$(docker inspect -f '{{.State.Running}}' muster-probe 2>/dev/null || true)" != true ]; then
  docker rm -f muster-probe >/dev/null 2>&1 || true
  docker run -d --name muster-probe --restart unless-stopped muster-probe >/dev/null
  changed=yes
fi

sum=$(docker exec muster-probe sh -c 'test -s /srv/payload || { head -c 4194304 /dev/urandom >/srv/payload.new; mv /srv/payload.new /srv/payload; }; sha256sum /srv/payload')
sum=${sum%% *}
[[ $sum =~ ^[0-9a-f]{64}$ ]] || { echo "cannot make the payload in the container: it says \"$sum\"" >&2; exit 1; }
address=$(docker inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' muster-probe)
[ -n "$address" ] || { echo "the container got no address" >&2; exit 1; }
muster-publish container_address "$address"
muster-publish payload_sha256 "$sum"
echo "container muster-probe has $address"
[ -n "$changed" ] || muster-unchanged
