# shellcheck shell=bash
# Sourced, after kubernetes.sh.
kubeconfig=/etc/kubernetes/kubelet.conf
settings=/etc/kube-flannel

kubectl() { command kubectl --kubeconfig "$kubeconfig" "$@"; }

# Routes to the parts of other nodes, of whichever backend. The bridge's own stays.
flush_routes() { # flush_routes CIDR
  local route
  while read -r route; do
    # shellcheck disable=SC2086 # words
    [[ -z $route || $route == *' dev cni0 '* ]] || ip route del $route || true
  done < <(ip -4 route show root "$1")
}

flush_links() {
  local link
  for link in $(ip -o link show type vxlan | awk -F': ' '$2 ~ /^flannel\./ {print $2}'); do ip link del "${link%@*}"; done
}

flush_rules() {
  local table chain
  for table in nat:POSTROUTING:FLANNEL-POSTRTG filter:FORWARD:FLANNEL-FWD; do
    IFS=: read -r table from chain <<<"$table"
    command -v iptables >/dev/null || break
    iptables -w -t "$table" -S "$from" 2>/dev/null | grep -- "-j $chain" | sed 's/^-A/-D/' | xargs -r -L 1 iptables -w -t "$table" || true
    iptables -w -t "$table" -F "$chain" 2>/dev/null && iptables -w -t "$table" -X "$chain" || true
  done
  for table in 'ip flannel-ipv4' 'ip6 flannel-ipv6'; do
    # shellcheck disable=SC2086 # family and name
    nft delete table $table 2>/dev/null || true
  done
}
