#!/bin/bash
# Reads the own page and that of every other unit, and compares what they say.
set -euo pipefail

read_page() { # read_page URL
  python3 -c 'import sys, urllib.request as r; sys.stdout.write(r.urlopen(sys.argv[1], timeout=10).read().decode())' "$1"
}

greet() { # greet URL GREETING UNIT
  local said
  said=$(read_page "$1") || { echo "$3: no answer from $1" >&2; return 1; }
  [ "$said" = "$2 from $3" ] || { echo "$3: $1 says \"$said\", not \"$2 from $3\"" >&2; return 1; }
  echo "$3: $said"
}

failed=0
greet "http://$ADDRESS:$OPT_PORT/" "$OPT_GREETING" "$UNIT" || failed=1
for ((index = 0; index < REL_FRIENDS_UNITS; index++)); do
  unit=REL_FRIENDS_${index}_UNIT url=REL_FRIENDS_${index}_URL greeting=REL_FRIENDS_${index}_GREETING
  greet "${!url}" "${!greeting}" "${!unit}" || failed=1
done
exit "$failed"
