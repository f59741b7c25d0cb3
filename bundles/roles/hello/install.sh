#!/bin/bash
# Installs Python, unless it is there.
set -euo pipefail

# A minimal Python has no http.server.
if python3 -c 'import http.server' 2>/dev/null; then
  muster-unchanged
  exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
apt-get -q install -y --no-install-recommends python3
