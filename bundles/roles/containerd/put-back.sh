# shellcheck shell=bash
# put_back FILE: takes away what muster has written there; what was there before comes back.
put_back() {
  head -n 1 "$1" 2>/dev/null | grep -q '^# Written by muster' || return 0
  if [ -e "$1.before-muster" ]; then mv "$1.before-muster" "$1"; else rm "$1"; fi
}
