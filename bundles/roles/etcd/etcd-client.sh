# shellcheck shell=bash
# Sourced: etcdctl with this member's certificates.
etcd() {
  local pki=/etc/etcd/pki
  ETCDCTL_API=3 etcdctl --endpoints "${endpoints:-https://127.0.0.1:$OPT_PORT}" --cacert "$pki/ca.crt" \
    --cert "$pki/health.crt" --key "$pki/health.key" --command-timeout=10s "$@"
}
