#!/bin/bash
set -euo pipefail

rm -f /etc/apt/apt.conf.d/30muster-apt-proxy /usr/local/lib/muster/muster-apt-proxy /usr/local/lib/muster/apt-proxy.url
rmdir /usr/local/lib/muster 2>/dev/null || true
