#!/bin/bash
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

if ! command -v etcd >/dev/null || ! command -v etcdctl >/dev/null || ! command -v openssl >/dev/null; then
  # The package would start a member of a cluster of its own, open to everyone on this node.
  [ -e /lib/systemd/system/etcd.service ] || systemctl mask --quiet etcd.service
  apt-get -q update
  apt-get -q install -y --no-install-recommends etcd-server etcd-client openssl
fi
[ "$(systemctl is-enabled etcd.service 2>/dev/null)" != masked ] || systemctl unmask --quiet etcd.service
etcd --version
