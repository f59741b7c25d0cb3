#!/bin/bash
set -euo pipefail

systemctl disable --quiet --now haproxy.service 2>/dev/null || true
rm -f /etc/haproxy/haproxy.cfg /etc/haproxy/muster-ca.crt
