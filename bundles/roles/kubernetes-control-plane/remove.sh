#!/bin/bash
set -euo pipefail
. ./kubernetes.sh
. ./node.sh

drain_node
remove_node
systemctl disable --quiet --now kube-apiserver.service kube-controller-manager.service kube-scheduler.service 2>/dev/null || true
rm -rf /etc/kubernetes /etc/systemd/system/kube-{apiserver,controller-manager,scheduler}.service /run/muster/kube*.started
rm -f /usr/local/bin/kube{-apiserver,-controller-manager,-scheduler,let,-proxy,ctl}
systemctl daemon-reload
