#!/bin/sh
# Runs in the probe container: makes the payload that peers fetch, once, and prints its sum.
set -eu
if ! test -s /srv/payload; then
  head -c 4194304 /dev/urandom >/srv/payload.new
  mv /srv/payload.new /srv/payload
fi
sha256sum /srv/payload | grep -o '^[0-9a-f]*'
