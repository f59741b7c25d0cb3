#!/bin/bash
# Writes daemon.json and lets Docker read it. A daemon.json that somebody else wrote is not touched.
set -euo pipefail

# 78 (EX_CONFIG of sysexits.h): trying again will not help, another option will.
fail() { echo "cannot set Docker up: $*" >&2; exit 78; }
bridge=${REL_FAN_0_BRIDGE:-} mtu=${REL_FAN_0_MTU:-}
[[ $bridge =~ ^[a-z0-9-]{0,15}$ && $mtu =~ ^[0-9]*$ ]] || fail "the fan says bridge \"$bridge\", MTU \"$mtu\""
[[ $OPT_LOG_MAX_SIZE =~ ^[0-9]+[kmg]$ ]] || fail "log-max-size \"$OPT_LOG_MAX_SIZE\" is not a size such as 10m"
notes=/var/lib/muster/roles/docker file=/etc/docker/daemon.json
if [ -e "$file" ] && ! cmp -s "$file" "$notes/daemon.json"; then
  fail "$file is not this role's: move what it says elsewhere, and the file away"
fi

{
  echo '{'
  if [ -n "$bridge" ]; then
    # The fan hides what leaves the overlay, and forwards between its slices. Docker's own rules would drop what comes in.
    printf '  "bridge": "%s",\n  "mtu": %s,\n  "iptables": false,\n  "ip-masq": false,\n' "$bridge" "${mtu:-1500}"
  fi
  [ -z "$OPT_STORAGE_DRIVER" ] || printf '  "storage-driver": "%s",\n' "$OPT_STORAGE_DRIVER"
  printf '  "log-driver": "json-file",\n  "log-opts": {"max-size": "%s", "max-file": "3"}\n' "$OPT_LOG_MAX_SIZE"
  echo '}'
} >daemon.json

changed=''
install -d -m 0755 "$notes" /etc/docker
if ! cmp -s daemon.json "$file"; then
  cp daemon.json "$notes/daemon.json"
  install -m 0644 daemon.json "$file"
  changed=yes
fi
if [ -d /run/systemd/system ]; then
  systemctl enable --quiet docker.service
  if [ -n "$changed" ]; then
    systemctl restart docker.service
  elif ! systemctl is-active --quiet docker.service; then
    systemctl start docker.service
    changed=yes
  fi
fi
echo "containers are attached to ${bridge:-docker0}"
[ -n "$changed" ] || muster-unchanged
