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
  # Pods cannot reach systemd-resolved's own address, which is of the host alone.
  RESOLV_CONF=''
  if [ "$(readlink -f /etc/resolv.conf)" = /run/systemd/resolve/stub-resolv.conf ]; then RESOLV_CONF=/run/systemd/resolve/resolv.conf; fi
  export IN_CONTAINER BRIDGE_FILTER RESOLV_CONF
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

# One request; kubectl asks for all that the API server has to find out what a node is.
node_of() { kubectl --kubeconfig "$1" get --raw "/api/v1/nodes/$2"; } # node_of KUBECONFIG NODE: prints it as JSON

is_ready() { # is_ready KUBECONFIG NODE
  local ready='"type": *"Ready", *"status": *"True"'
  [[ $(node_of "$1" "$2") =~ $ready ]]
}

# NAMESPACE/NAME of each pod on this node that is to run elsewhere when it goes.
pods_to_move() {
  local kubeconfig=/etc/kubernetes/kubelet.conf columns
  columns=N:.metadata.namespace,P:.metadata.name,S:.status.phase,K:.metadata.ownerReferences[*].kind
  columns+=',M:.metadata.annotations.kubernetes\.io/config\.mirror'
  kubectl --kubeconfig "$kubeconfig" get pods --all-namespaces --field-selector "spec.nodeName=$(node_name)" \
    --no-headers --output "custom-columns=$columns" |
    awk '$3 != "Succeeded" && $3 != "Failed" && $4 != "DaemonSet" && $5 == "<none>" { print $1 "/" $2 }'
}

# drain SECONDS ARGUMENT…: by the node's own credential. Since 1.32 that may not ask for a pod which is no longer here, and
# kubectl takes the refusal for a failure: what counts is what is left.
drain() {
  local seconds=$1 left
  shift
  if timeout "$((seconds + 30))" kubectl --kubeconfig /etc/kubernetes/kubelet.conf drain "$(node_name)" \
    --ignore-daemonsets --delete-emptydir-data --timeout="${seconds}s" "$@"; then return 0; fi
  [ "$(kubectl --kubeconfig /etc/kubernetes/kubelet.conf get node "$(node_name)" -o 'jsonpath={.spec.unschedulable}')" = true ] || return
  left=$(pods_to_move) || return
  [ -n "$left" ] || return 0
  printf 'still here: %s\n' $left >&2
  return 1
}

# What does not go in time goes with the node.
drain_node() {
  [ -s /etc/kubernetes/kubelet.conf ] || return 0
  drain "$OPT_DRAIN_SECONDS" --force || echo 'not every pod was moved: the rest goes with the node'
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
