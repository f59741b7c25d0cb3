#!/bin/bash
# Tells what has changed on the node since this ran last: files, packages, services, network links. What it saw it keeps as
# lines of a name, an attribute and its value.
set -euo pipefail
export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin

root=${MUSTER_LOOK_ROOT:-} # not empty where this script itself is tested
seen=$root/var/lib/muster/changes.seen
most=100
umask 077

# Whose contents are theirs alone, and change as soon as somebody looks.
left_out=(-name .cache -o -name __pycache__ -o -path '*/.kube/cache' -o -name .bash_history -o -name .lesshst -o -name .viminfo
  -o -path etc/mtab)

files() {
  local places
  cd "$root/"
  places=$(find -H etc usr/local opt root -maxdepth 0 2>/dev/null || true)
  # shellcheck disable=SC2086 # a list of folders without spaces
  find -H $places -xdev \( "${left_out[@]}" \) -prune -o \( -type f -o -type l -o -type d \) \
    -printf '/%p\tkind\t%y\0' -printf '/%p\towner\t%u:%g\0' \
    \( -type l -printf '/%p\ttarget\t%l\0' -o -printf '/%p\tmode\t%m\0' \) | tr '\n\0' '?\n'
  # A file may go while it is read.
  # shellcheck disable=SC2086
  find -H $places -xdev \( "${left_out[@]}" \) -prune -o -type f -print0 | { xargs -0r sha256sum -z 2>/dev/null || true; } |
    sed -z 's|^\([0-9a-f]*\) [ *]\(.*\)|/\2\tcontent\t\1|' | tr '\n\0' '?\n'
}

packages() {
  command -v dpkg-query >/dev/null || return 0
  dpkg-query -W -f '${db:Status-Status}\t${binary:Package}\t${Version}\n' |
    awk -F'\t' '$1 == "installed" { print "package " $2 "\tversion\t" $3 }'
}

# Each start of a service has an id of its own.
services() {
  local second
  [ -d "$root/run/systemd/system" ] || return 0
  # What is still on its way up would seem to have been started the next time.
  for ((second = 0; second < 60; second++)); do
    [ -n "$(systemctl list-jobs --no-legend)" ] || break
    sleep 1
  done
  systemctl show '*.service' --property=Id,ActiveState,UnitFileState,InvocationID | awk -v RS= -F'\n' '
    {
      split("", is)
      for (i = 1; i <= NF; i++) { at = index($i, "="); is[substr($i, 1, at - 1)] = substr($i, at + 1) }
      if (is["ActiveState"] == "active" && is["UnitFileState"] == "enabled") print is["Id"] "\tstart\t" is["InvocationID"]
    }'
}

# Links of containers and pods come and go with them.
links() {
  local link
  for link in "$root"/sys/class/net/*/ifindex; do
    link=${link%/ifindex} link=${link##*/}
    case $link in lo | veth* | '*') continue ;; esac
    printf 'link %s\tindex\t%s\n' "$link" "$(<"$root/sys/class/net/$link/ifindex")"
  done
}

compare() { # compare BEFORE NOW
  awk -F'\t' '
    NR == FNR { before[$1, $2] = $3; had[$1] = $2; next }
    { has[$1] = $2 }
    !($1 in had) { if (!told[$1]++) print $1 ": " ($2 == "start" ? "started" : "new"); next }
    # As text: 1.1 is not 1.10.
    !(($1, $2) in before) || before[$1, $2] "" == $3 "" { next }
    $2 == "content" { print $1 ": content"; next }
    $2 == "start" { print $1 ": restarted"; next }
    $2 == "index" { print $1 ": made anew"; next }
    { print $1 ": " ($2 == "version" ? "" : $2 " ") before[$1, $2] " -> " $3 }
    END { for (name in had) if (!(name in has)) print name ": " (had[name] == "start" ? "stopped" : "gone") }' "$1" "$2" |
    sort | tr -c '[:print:]\n' '?'
}

mkdir -p "${seen%/*}"
{
  (files)
  packages
  services
  links
} >"$seen.new"
changes='' otherwise='this is the first look: nothing to compare with'
if [ -s "$seen" ]; then changes=$(compare "$seen" "$seen.new") otherwise='nothing has changed'; fi
count=$(grep -c . <<<"$changes" || true)
if ((count > most)); then changes=$(head -n $((most - 1)) <<<"$changes")$'\n'"and $((count - most + 1)) more"; fi
echo "${changes:-$otherwise}"
muster-publish changes "$changes"
mv "$seen.new" "$seen"
