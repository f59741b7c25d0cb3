#!/bin/bash
set -euo pipefail

systemctl disable --quiet --now coredns.service 2>/dev/null || true
rm -f /usr/local/bin/coredns /etc/kubernetes/Corefile /etc/systemd/system/coredns.service /run/muster/coredns.started
systemctl daemon-reload
