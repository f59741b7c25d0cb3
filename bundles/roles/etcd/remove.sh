#!/bin/bash
set -euo pipefail

systemctl disable --quiet --now etcd.service 2>/dev/null || true
rm -rf /etc/etcd/pki /var/lib/etcd/muster /etc/default/etcd
