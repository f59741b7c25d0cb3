#!/bin/bash
set -euo pipefail
. ./fan-files.sh
. ./cni-plugins.sh

rm -f /etc/cni/net.d/10-fan.conflist
rm -rf /var/lib/cni/networks/fan
take_fan
unlink_plugins
