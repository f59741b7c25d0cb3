# shellcheck shell=dash
# What the operator sees on the screen, and the few words that every part uses.

say() {
  read -r uptime _ < /proc/uptime
  echo "muster[$uptime] $*"
}

# Writes the reason for which an order failed, and ends the order's own process.
# Transient: worth another try. Permanent: it is not.
fail_transient() { fail transient "$@"; }
fail_permanent() { fail permanent "$@"; }
fail() {
  failure=$1
  shift
  echo "failed: $*"
  jq -n --arg error "$*" --arg failure "$failure" '{ok: false, error: $error[0:4000], failure: $failure}' > "$ORDER/result"
  exit 1
}

# Reads a one-line file into a variable without starting a program: read_file NAME PATH
read_file() {
  eval "$1="
  [ -r "$2" ] && IFS= read -r "$1" < "$2" 2> /dev/null
  return 0
}

# The shell prefers the small programs that are built into busybox to the full ones of the same name. These are meant:
blkdiscard() { /usr/bin/blkdiscard "$@"; }
mke2fs() { /usr/bin/mke2fs "$@"; }
modprobe() { /usr/bin/modprobe "$@"; }
sha256sum() { /usr/bin/sha256sum "$@"; }
tee() { /usr/bin/tee "$@"; }
tar() { /usr/bin/tar "$@"; }
