#!/bin/bash
set -euo pipefail
. ./kubernetes.sh

[[ $OPT_DOMAIN =~ ^[a-z0-9.-]+$ && $OPT_FORWARD =~ ^[A-Za-z0-9.:/\ _-]+$ ]] || fail "domain \"$OPT_DOMAIN\", forward \"$OPT_FORWARD\""
# On this node's own address alone: the host's resolver may have 127.0.0.53.
write /etc/kubernetes/Corefile <<CONF
.:53 {
  bind $ADDRESS
  errors
  kubernetes $OPT_DOMAIN in-addr.arpa ip6.arpa {
    kubeconfig /etc/kubernetes/coredns.conf
    pods insecure
    fallthrough in-addr.arpa ip6.arpa
  }
  forward . $OPT_FORWARD
  cache 30
  loop
  reload
}
CONF
write /etc/systemd/system/coredns.service <<UNIT
[Unit]
Description=CoreDNS for Kubernetes
Wants=network-online.target
After=network-online.target kube-apiserver.service

[Service]
ExecStart=/usr/local/bin/coredns -conf /etc/kubernetes/Corefile
Restart=always
RestartSec=2
LimitNOFILE=1048576

[Install]
WantedBy=multi-user.target
UNIT
systemctl daemon-reload
run_service coredns /etc/kubernetes/{Corefile,coredns.conf} "$pki"/{ca,coredns}.crt
