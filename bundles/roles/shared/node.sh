# shellcheck shell=bash
# Sourced, after kubernetes.sh and certificates.sh: a node of Kubernetes, that is kubelet and kube-proxy.

request_node() { # request_node NAME
  request kubelet client "/O=system:nodes/CN=system:node:$1"
  request kubelet-server server "/O=system:nodes/CN=system:node:$1" "IP:$ADDRESS,DNS:$1"
  request kube-proxy client /CN=system:kube-proxy
}

# run_node API_SERVER: needs the settings of render.sh that are the cluster's (SERVICE_CIDR, POD_CIDR, CLUSTER_...).
run_node() {
  local socket=${REL_CONTAINER_RUNTIME_0_SOCKET:-}
  [ -n "$socket" ] || fail 'there is no container runtime: relate "container-runtime" to one, such as containerd'
  mkdir -p /var/lib/kubelet
  kubeconfig kubelet "$1"
  kubeconfig kube-proxy "$1"
  export VERSION=$OPT_VERSION ADDRESS NODE_NAME SOCKET=$socket
  export SANDBOX_IMAGE=$REL_CONTAINER_RUNTIME_0_SANDBOX_IMAGE CGROUP_DRIVER=$REL_CONTAINER_RUNTIME_0_CGROUP_DRIVER
  export TAINTS=$OPT_TAINTS MAX_PODS=$OPT_MAX_PODS NODE_LEASE_SECONDS=$OPT_NODE_LEASE_SECONDS
  export NODE_STATUS_SECONDS=$OPT_NODE_STATUS_SECONDS SERVICE_CIDR POD_CIDR CLUSTER_DNS CLUSTER_DOMAIN
  IN_CONTAINER=false BRIDGE_FILTER=false
  if in_container; then IN_CONTAINER=true; fi
  if [ "$(cat /proc/sys/net/bridge/bridge-nf-call-iptables 2>/dev/null)" = 1 ]; then BRIDGE_FILTER=true; fi
  export IN_CONTAINER BRIDGE_FILTER
  [ -z "${REL_CNI_0_POD_CIDR:-}" ] || POD_CIDR=$REL_CNI_0_POD_CIDR
  echo 1 >/proc/sys/net/ipv4/ip_forward
  bash render.sh kubelet.yaml | write /etc/kubernetes/kubelet.yaml
  bash render.sh kube-proxy.yaml | write /etc/kubernetes/kube-proxy.yaml
  bash render.sh kubelet.service | write /etc/systemd/system/kubelet.service
  bash render.sh kube-proxy.service | write /etc/systemd/system/kube-proxy.service
  systemctl daemon-reload
  run_service kubelet /etc/kubernetes/{kubelet.yaml,kubelet.conf} "$pki"/{ca,kubelet,kubelet-server}.crt
  run_service kube-proxy /etc/kubernetes/{kube-proxy.yaml,kube-proxy.conf} "$pki"/{ca,kube-proxy}.crt
}

is_ready() { # is_ready KUBECONFIG NODE
  [ "$(kubectl --kubeconfig "$1" get node "$2" -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}')" = True ]
}

# Moves this node's pods elsewhere, by the node's own credential. What does not go in time goes with the node.
drain_node() {
  [ -s /etc/kubernetes/kubelet.conf ] || return 0
  timeout "$((OPT_DRAIN_SECONDS + 30))" kubectl --kubeconfig /etc/kubernetes/kubelet.conf drain "$(node_name)" \
    --ignore-daemonsets --delete-emptydir-data --force --timeout="${OPT_DRAIN_SECONDS}s" ||
    echo 'not every pod was moved: the rest goes with the node'
}

remove_node() {
  systemctl disable --quiet --now kubelet.service kube-proxy.service 2>/dev/null || true
  # What kubelet has mounted for pods.
  awk '$2 ~ "^/var/lib/kubelet/" {print $2}' /proc/mounts | sort -r | while read -r mounted; do umount "$mounted" || true; done
  kube-proxy --cleanup >/dev/null 2>&1 || true
  # kubelet's own chains.
  if command -v iptables-save >/dev/null; then iptables-save | grep -v KUBE- | iptables-restore; fi
  rm -rf /var/lib/kubelet /etc/systemd/system/kubelet.service /etc/systemd/system/kube-proxy.service
  systemctl daemon-reload
}
