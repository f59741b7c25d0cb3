#!/bin/bash
set -euo pipefail
. ./kubernetes.sh

ca=/etc/haproxy/muster-ca.crt check=check
if [ -n "${REL_CERTIFICATES_0_CA:-}" ]; then
  write "$ca" <<<"$REL_CERTIFICATES_0_CA"
  check="check check-ssl verify required ca-file $ca"
fi
{
  cat <<CONF
# Written by muster.
global
  log /dev/log local0
  user haproxy
  group haproxy
  maxconn 4096
defaults
  mode tcp
  log global
  option dontlognull
  timeout connect 5s
  # Watches are silent for long.
  timeout client 1h
  timeout server 1h
  timeout check 5s
frontend kubernetes
  bind :$OPT_PORT
  default_backend control-planes
backend control-planes
  balance leastconn
CONF
  if [ -e "$ca" ]; then printf '  option httpchk GET /readyz\n  http-check expect status 200\n'; fi
  # A control plane that is related twice, for inside and outside, is one all the same.
  seen=' '
  for ((index = 0; index < REL_LB_CONSUMERS_UNITS; index++)); do
    unit=REL_LB_CONSUMERS_${index}_UNIT address=REL_LB_CONSUMERS_${index}_ADDRESS port=REL_LB_CONSUMERS_${index}_API_PORT
    [[ $seen != *" ${!unit} "* ]] || continue
    seen+="${!unit} "
    echo "  server ${!unit/\//-} ${!address}:${!port} $check inter ${OPT_CHECK_SECONDS}s fall 2 rise 1 on-marked-down shutdown-sessions"
  done
} | write /etc/haproxy/haproxy.cfg
haproxy -c -f /etc/haproxy/haproxy.cfg
systemctl enable --quiet haproxy.service
if systemctl is-active --quiet haproxy.service; then systemctl reload haproxy.service; else systemctl restart haproxy.service; fi
