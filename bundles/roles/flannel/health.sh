#!/bin/bash
# What flanneld was given is what the container runtime was told, and every other node's part is reached as the backend does.
set -euo pipefail
. ./kubernetes.sh
. ./flannel.sh

until_true 60 'flanneld runs' systemctl is-active --quiet flanneld.service ||
  { journalctl -u flanneld.service -n 20 --no-pager; exit 1; }
name=$(node_name)
own=$(kubectl get node "$name" -o 'jsonpath={.spec.podCIDR}')
grep -qF "\"subnet\": \"$own\"" /etc/cni/net.d/10-flannel.conflist ||
  { echo "this node was given $own, and the container runtime was told otherwise" >&2; exit 1; }

# reaches PART HOST: by a route of this backend; with vxlan the other end has the part's first address.
reaches() {
  local first=${1%/*} route
  route=$(ip -4 route get "${first%.*}.$((${first##*.} + 1))")
  if [ "$OPT_BACKEND" = vxlan ]; then
    [[ $route == *" dev flannel.$OPT_VNI "* ]] && ping -c 1 -W 3 "$first"
  else
    [[ $route == *" via $2 "* ]] && ping -c 1 -W 3 "$2"
  fi
}
nodes=$(kubectl get nodes -o 'jsonpath={range .items[*]}{.metadata.name} {.spec.podCIDR} {.metadata.annotations.flannel\.alpha\.coreos\.com/public-ip}{"\n"}{end}')
while read -r node part host; do
  [ -n "$node" ] && [ "$node" != "$name" ] || continue
  [ -n "${host:-}" ] || { echo "there is no flannel on $node" >&2; exit 1; }
  until_true 60 "$node is reached at $part" reaches "$part" "$host" || { ip -4 route; exit 1; }
  echo "$node is reached at $part by way of $host ($OPT_BACKEND)"
done <<<"$nodes"
echo "this node's pods get addresses of $own"
