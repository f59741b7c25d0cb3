#!/bin/bash
# render.sh FILE: prints one file of a node of Kubernetes, for the version and the settings in the environment. It reads
# nothing else, so that what every version gets can be compared with what is expected.
#
#   kube-apiserver.service kube-controller-manager.service kube-scheduler.service
#   kubelet.service kubelet.yaml kube-proxy.service kube-proxy.yaml
#
# VERSION ADDRESS NODE_NAME                               of every node
# ETCD_ENDPOINTS SERVICE_CIDR POD_CIDR API_PORT           of the control plane
# NODE_CIDR_BITS                                          of the control plane: each node gets so long a part of POD_CIDR; or empty
# LEASE_SECONDS RENEW_SECONDS RETRY_SECONDS GRACE_SECONDS
# SOCKET SANDBOX_IMAGE CGROUP_DRIVER IN_CONTAINER         of the kubelet
# CLUSTER_DNS CLUSTER_DOMAIN NODE_LEASE_SECONDS NODE_STATUS_SECONDS MAX_PODS TAINTS (key=value:effect, by commas)
# RESOLV_CONF                                             of the kubelet: where pods have their name servers from; or empty
# BRIDGE_FILTER                                           of kube-proxy: bridged packets pass the packet filter
set -euo pipefail

readonly PKI=/etc/kubernetes/pki

[[ $VERSION =~ ^1\.([0-9]{2})\.[0-9]+$ ]] || { echo "cannot read the version \"$VERSION\": it is such as 1.34.2" >&2; exit 78; }
readonly MINOR=${BASH_REMATCH[1]}
((MINOR >= 20)) || { echo "cannot lay Kubernetes $VERSION: 1.20 is the oldest" >&2; exit 78; }

# The taints as the configuration file has them: {key: a, value: b, effect: c}, ...
taints_yaml() {
  local taint list='' key value
  for taint in $(tr , ' ' <<<"${TAINTS:-}"); do
    key=${taint%%[=:]*} value=''
    [[ $taint != *=* ]] || { value=${taint#*=}; value=${value%%:*}; }
    list+="${list:+, }{key: \"$key\", value: \"$value\", effect: \"${taint##*:}\"}"
  done
  echo "$list"
}

# of_version COMPONENT KIND: the lines of the table for this version, with their settings.
of_version() {
  local component kind since before line
  while IFS=$'\t' read -r component kind since before line; do
    [ "$component" = "$1" ] && [ "$kind" = "$2" ] || continue
    ((MINOR >= ${since#1.})) || continue
    [ "$before" = - ] || ((MINOR < ${before#1.})) || continue
    if [[ $line == *TAINTS* && -z ${TAINTS:-} ]]; then continue; fi
    line=${line//'{SOCKET}'/${SOCKET:-}}
    line=${line//'{SANDBOX_IMAGE}'/${SANDBOX_IMAGE:-}}
    line=${line//'{TAINTS}'/${TAINTS:-}}
    line=${line//'{TAINTS_YAML}'/$(taints_yaml)}
    echo "$line"
  done <"$(dirname "${BASH_SOURCE[0]}")/kubernetes-versions.tsv"
}

# service COMPONENT DESCRIPTION AFTER: a unit around the flags on standard input.
service() {
  local flag
  printf '[Unit]\nDescription=%s\n' "$2"
  [ -z "$3" ] || printf 'Wants=%s\nAfter=%s network-online.target\n' "$3" "$3"
  printf '\n[Service]\nExecStart=/usr/local/bin/%s' "$1"
  while read -r flag; do printf ' \\\n  %s' "$flag"; done
  printf '\nRestart=always\nRestartSec=10\nTimeoutStopSec=20\nLimitNOFILE=1048576\n\n[Install]\nWantedBy=multi-user.target\n'
}

kube_apiserver() {
  cat <<FLAGS
--advertise-address=$ADDRESS
--secure-port=$API_PORT
--allow-privileged=true
--authorization-mode=Node,RBAC
--enable-admission-plugins=NodeRestriction
--client-ca-file=$PKI/ca.crt
--tls-cert-file=$PKI/apiserver.crt
--tls-private-key-file=$PKI/apiserver.key
--etcd-servers=$ETCD_ENDPOINTS
--etcd-cafile=$PKI/ca.crt
--etcd-certfile=$PKI/apiserver-etcd-client.crt
--etcd-keyfile=$PKI/apiserver-etcd-client.key
--kubelet-certificate-authority=$PKI/ca.crt
--kubelet-client-certificate=$PKI/apiserver-kubelet-client.crt
--kubelet-client-key=$PKI/apiserver-kubelet-client.key
--kubelet-preferred-address-types=InternalIP
--service-account-issuer=https://kubernetes.default.svc
--service-account-key-file=$PKI/service-account.pub
--service-account-signing-key-file=$PKI/service-account.key
--service-cluster-ip-range=$SERVICE_CIDR
--profiling=false
FLAGS
  of_version kube-apiserver flag
}

# Of several control planes one controller manager and one scheduler are at work; these leases say which.
leases() {
  cat <<FLAGS
--leader-elect-lease-duration=${LEASE_SECONDS}s
--leader-elect-renew-deadline=${RENEW_SECONDS}s
--leader-elect-retry-period=${RETRY_SECONDS}s
--profiling=false
FLAGS
}

kube_controller_manager() {
  cat <<FLAGS
--bind-address=127.0.0.1
--kubeconfig=/etc/kubernetes/controller-manager.conf
--authentication-kubeconfig=/etc/kubernetes/controller-manager.conf
--authorization-kubeconfig=/etc/kubernetes/controller-manager.conf
--allocate-node-cidrs=$([ -n "${NODE_CIDR_BITS:-}" ] && echo true || echo false)
--cluster-cidr=$POD_CIDR
--node-monitor-grace-period=${GRACE_SECONDS}s
--root-ca-file=$PKI/ca.crt
--service-account-private-key-file=$PKI/service-account.key
--service-cluster-ip-range=$SERVICE_CIDR
--use-service-account-credentials=true
FLAGS
  [ -z "${NODE_CIDR_BITS:-}" ] || echo "--node-cidr-mask-size=$NODE_CIDR_BITS"
  leases
  of_version kube-controller-manager flag
}

kube_scheduler() {
  cat <<FLAGS
--bind-address=127.0.0.1
--kubeconfig=/etc/kubernetes/scheduler.conf
--authentication-kubeconfig=/etc/kubernetes/scheduler.conf
--authorization-kubeconfig=/etc/kubernetes/scheduler.conf
FLAGS
  leases
  of_version kube-scheduler flag
}

kubelet() {
  cat <<FLAGS
--config=/etc/kubernetes/kubelet.yaml
--kubeconfig=/etc/kubernetes/kubelet.conf
--hostname-override=$NODE_NAME
--node-ip=$ADDRESS
FLAGS
  of_version kubelet flag
}

kubelet_yaml() {
  cat <<CONFIG
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $ADDRESS
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $PKI/ca.crt}
authorization: {mode: Webhook}
cgroupDriver: $CGROUP_DRIVER
clusterDomain: $CLUSTER_DOMAIN
failSwapOn: false
healthzBindAddress: 127.0.0.1
maxPods: $MAX_PODS
nodeLeaseDurationSeconds: $NODE_LEASE_SECONDS
nodeStatusUpdateFrequency: ${NODE_STATUS_SECONDS}s
readOnlyPort: 0
tlsCertFile: $PKI/kubelet-server.crt
tlsPrivateKeyFile: $PKI/kubelet-server.key
CONFIG
  [ -z "$CLUSTER_DNS" ] || echo "clusterDNS: [$CLUSTER_DNS]"
  [ -z "${RESOLV_CONF:-}" ] || echo "resolvConf: $RESOLV_CONF"
  # A system container may not ask for a better OOM score than it has; its disk is the host's, which it cannot judge.
  [ "$IN_CONTAINER" != true ] || printf 'oomScoreAdj: 0\nimageGCHighThresholdPercent: 100\n'
  of_version kubelet config
}

kube_proxy_yaml() {
  cat <<CONFIG
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
clientConnection: {kubeconfig: /etc/kubernetes/kube-proxy.conf}
clusterCIDR: $POD_CIDR
hostnameOverride: $NODE_NAME
mode: iptables
CONFIG
  [ "$BRIDGE_FILTER" = true ] || printf 'iptables: {masqueradeAll: true}\n'
  # The limits of connection tracking are the host's.
  [ "$IN_CONTAINER" != true ] ||
    printf 'oomScoreAdj: 0\nconntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}\n'
  of_version kube-proxy config
}

kube_proxy() {
  echo '--config=/etc/kubernetes/kube-proxy.yaml'
  of_version kube-proxy flag
}

case ${1:-} in
  kube-apiserver.service) kube_apiserver | service kube-apiserver 'Kubernetes API server' '' ;;
  kube-controller-manager.service) kube_controller_manager | service kube-controller-manager 'Kubernetes controller manager' '' ;;
  kube-scheduler.service) kube_scheduler | service kube-scheduler 'Kubernetes scheduler' '' ;;
  kubelet.service) kubelet | service kubelet 'Kubernetes node agent' containerd.service ;;
  kubelet.yaml) kubelet_yaml ;;
  kube-proxy.service) kube_proxy | service kube-proxy 'Kubernetes service proxy' '' ;;
  kube-proxy.yaml) kube_proxy_yaml ;;
  *) echo "cannot render \"${1:-}\"" >&2; exit 1 ;;
esac
