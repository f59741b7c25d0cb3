#!/bin/bash
# Updates the lists of packages the way apt does by itself now.
set -euo pipefail

proxy=$(/usr/local/lib/muster/muster-apt-proxy)
[ "$proxy" = "$REL_PROXY_0_URL" ] || { echo "the cache at $REL_PROXY_0_URL does not answer: apt goes on without it" >&2; exit 1; }
apt-get -q update
