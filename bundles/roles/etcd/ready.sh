#!/bin/bash
set -euo pipefail
. ./etcd-client.sh

until etcd endpoint health 2>&1; do
  [ "$(systemctl is-failed etcd.service)" != failed ] || { journalctl -u etcd.service -n 20 --no-pager; systemctl restart --no-block etcd.service; }
  sleep 1
done
echo "endpoint=https://$ADDRESS:$OPT_PORT" >>"$MUSTER_OUTPUT"
