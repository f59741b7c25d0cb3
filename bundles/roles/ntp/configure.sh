#!/bin/bash
# Writes chrony's configuration beside that of the distribution, and lets the service use it.
set -euo pipefail

# 78 (EX_CONFIG of sysexits.h): trying again will not help, another option will.
for server in $OPT_SOURCE $OPT_POOLS; do
  [[ $server =~ ^[A-Za-z0-9.:_-]+$ ]] || { echo "cannot use the time server \"$server\": it is no name and no address" >&2; exit 78; }
done
changed=''
put() { # put FILE: standard input, where it is not that already
  cat >"$1.new"
  if cmp -s "$1.new" "$1"; then rm "$1.new"; else mv "$1.new" "$1"; changed=yes; fi
}

settings() {
  for server in $OPT_SOURCE; do echo "server $server iburst"; done
  for pool in $OPT_POOLS; do echo "pool $pool iburst"; done
  if [ -z "$OPT_SOURCE$OPT_POOLS" ]; then grep -hE '^(pool|server|sourcedir) ' /etc/chrony/chrony.conf || true; fi
  local index unit address server pool
  for ((index = 0; index < REL_MEMBERS_UNITS; index++)); do
    unit=REL_MEMBERS_${index}_UNIT address=REL_MEMBERS_${index}_ADDRESS
    if [ "$OPT_SERVE" != true ]; then continue; fi
    if [ "$LEADER" = true ]; then echo "allow ${!address}"; elif [[ ${!unit} == */0 ]]; then echo "server ${!address} iburst"; fi
  done
  # Stratum 10 is worse than any real time server's: it counts only where there is none.
  if [ "$OPT_SERVE" = true ] && [ "$LEADER" = true ]; then echo 'local stratum 10'; fi
  printf '%s\n' 'driftfile /var/lib/chrony/chrony.drift' 'makestep 1 3' 'rtcsync' 'leapsectz right/UTC'
}
put /etc/chrony/muster.conf < <(settings)

# A container may not set its host's clock; there chrony keeps watch alone (-x), and the condition of its service is lifted.
container=''
if systemd-detect-virt --quiet --container; then container=yes; fi
install -d -m 0755 /etc/systemd/system/chrony.service.d
put /etc/chrony/muster.environment <<<"DAEMON_OPTS=-F 1${container:+ -x} -f /etc/chrony/muster.conf"
put /etc/systemd/system/chrony.service.d/muster.conf <<UNIT
[Unit]
${container:+ConditionCapability=}

[Service]
EnvironmentFile=/etc/chrony/muster.environment
UNIT

if [ -n "$changed" ]; then
  systemctl daemon-reload
  systemctl restart chrony.service
elif systemctl is-active --quiet chrony.service; then
  muster-unchanged
else
  systemctl start chrony.service
fi
