#!/bin/bash
set -euo pipefail

service=muster-hello-$APPLICATION.service
systemctl disable --quiet --now "$service" 2>/dev/null || true
rm -f "/etc/systemd/system/$service"
systemctl daemon-reload
systemctl reset-failed "$service" 2>/dev/null || true # what it left of its end
rm -rf "/srv/muster-hello/$APPLICATION"
rmdir /srv/muster-hello 2>/dev/null || true # another application's page may be there
