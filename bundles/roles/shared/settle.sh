#!/bin/bash
# Says which operating system the node runs, once its first boot is over.
set -euo pipefail

if command -v cloud-init >/dev/null; then
  # 2 is "done, with recoverable errors" (cloud-init 23.4 and newer): the node is up.
  status=0
  cloud-init status --wait >/dev/null || status=$?
  [ "$status" -eq 0 ] || [ "$status" -eq 2 ] || { echo "cloud-init failed: see cloud-init status --long" >&2; exit 1; }
fi

. /etc/os-release
{
  echo "os=$ID@$VERSION_ID"
  echo "kernel=$(uname -r)"
} >>"$MUSTER_OUTPUT"
echo "$PRETTY_NAME, kernel $(uname -r)"
muster-unchanged # it only looks
