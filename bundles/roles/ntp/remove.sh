#!/bin/bash
# Takes chrony away where this role brought it, and brings back what it replaced.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

notes=/var/lib/muster/roles/ntp
rm -f /etc/systemd/system/chrony.service.d/muster.conf /etc/chrony/muster.conf /etc/chrony/muster.environment
rmdir /etc/systemd/system/chrony.service.d 2>/dev/null || true
systemctl daemon-reload
if [ -e "$notes/before" ]; then
  apt-get -q purge -y chrony
  systemctl reset-failed chrony.service 2>/dev/null || true # what it left of its end
  before=$(cat "$notes/before")
  [ -z "$before" ] || apt-get -q install -y --no-install-recommends "$before"
  rm -rf /etc/chrony "$notes"
  rmdir /var/lib/muster/roles 2>/dev/null || true
elif systemctl list-unit-files chrony.service >/dev/null 2>&1; then
  systemctl restart chrony.service
fi
