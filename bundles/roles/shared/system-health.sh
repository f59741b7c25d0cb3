#!/bin/bash
# Proves that the node's own file system takes writes and that its clock was set.
set -euo pipefail

probe=$(mktemp /var/tmp/muster-health.XXXXXX)
trap 'rm -f "$probe"' EXIT
echo "$UNIT" >"$probe"
sync "$probe"
[ "$(cat "$probe")" = "$UNIT" ] || { echo "cannot read back what was written to $probe" >&2; exit 1; }

year=$(date +%Y)
[ "$year" -ge 2024 ] || { echo "the clock says $year: set it, or check NTP" >&2; exit 1; }
echo "file system takes writes, clock says $(date -u +%Y-%m-%dT%H:%M:%SZ)"
