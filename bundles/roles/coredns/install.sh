#!/bin/bash
set -euo pipefail
. ./kubernetes.sh

if [[ $(/usr/local/bin/coredns -version 2>/dev/null) != *"-$OPT_VERSION"* ]]; then
  [ -s "${ARTIFACT_COREDNS:-}" ] || fail 'the artifact "coredns" was not brought to this node'
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  tar -xzf "$ARTIFACT_COREDNS" -C "$work" --no-same-owner --touch coredns
  install -m 0755 "$work/coredns" /usr/local/bin/coredns.new
  mv -f /usr/local/bin/coredns.new /usr/local/bin/coredns
fi
/usr/local/bin/coredns -version
echo 'port=53' >>"$MUSTER_OUTPUT"
