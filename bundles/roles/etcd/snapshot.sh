#!/bin/bash
# Saves what this member has; a member that follows has what the cluster has agreed on.
set -euo pipefail
. ./etcd-client.sh

fail() { echo "$1" >&2; exit 2; }

path=$PARAM_PATH
[ -n "$path" ] || path=/var/backups/etcd/$APPLICATION-$UNIT_NUMBER-$(date -u +%Y%m%dT%H%M%SZ).db
case $path in /*) ;; *) fail "cannot save to \"$path\": give a path from the root" ;; esac
[ ! -e "$path" ] || fail "cannot save to $path: it is there already"

# Asked for a snapshot, a client waits long for a member that is not there.
etcd endpoint health
# All keys are in it, secrets too.
umask 077
mkdir -p "${path%/*}"
trap 'rm -f "$path.new"*' EXIT
etcd --command-timeout=25m snapshot save "$path.new"
[ -s "$path.new" ] || { echo "nothing was saved" >&2; exit 1; }
mv "$path.new" "$path"
muster-publish path "$path"
muster-publish size "$(stat -c %s "$path")"
