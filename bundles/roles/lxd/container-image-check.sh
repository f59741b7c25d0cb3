#!/bin/bash
# Exits 0 where the engine has the image already.
set -euo pipefail
. ./engine.sh
lxc image alias list --format csv | cut -d, -f1 | grep -qx "$ALIAS"
