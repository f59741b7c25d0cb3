#!/bin/bash
# Waits until chrony follows a source, or is one itself.
set -euo pipefail

for ((second = 0; second < 120; second++)); do
  tracking=$(chronyc -n -c tracking) || { echo "chrony does not answer: see journalctl -u chrony" >&2; exit 1; }
  # Reference id, its address, stratum; stratum 0 is "not synchronised".
  IFS=, read -r reference address stratum _ <<<"$tracking"
  if [ "$stratum" -gt 0 ] && [ "$reference" != 00000000 ]; then
    echo "follows ${address:-its own clock} at stratum $stratum"
    exit 0
  fi
  sleep 1
done
chronyc -n sources >&2 || true
echo "no time server was reached in two minutes: give others in the option source, or let the first unit serve" >&2
exit 1
