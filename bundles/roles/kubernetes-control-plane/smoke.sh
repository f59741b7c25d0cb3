#!/bin/bash
# Proves that the cluster does what clusters are for. Each line of its log is something seen.
set -euo pipefail
. ./kubernetes.sh

kubectl() { command kubectl --kubeconfig /etc/kubernetes/admin.conf "$@"; }
in_namespace() { kubectl -n "$namespace" "$@"; }
namespace=muster-verify-$(date +%s)
say() { echo "$(date -u +%T) $*"; }
[[ $OPT_VERIFY_IMAGE =~ ^[A-Za-z0-9./:@_-]+$ ]] || fail "verify-image \"$OPT_VERIFY_IMAGE\" is no image"

finish() {
  local code=$?
  if [ "$code" -ne 0 ]; then
    in_namespace get pods,services,endpoints -o wide || true
    in_namespace get events --sort-by=.lastTimestamp | tail -n 20 || true
  fi
  # Nodes take their time to end pods; nobody has to wait for that.
  kubectl delete namespace "$namespace" --ignore-not-found --wait=false >/dev/null || true
  return "$code"
}
trap finish EXIT

nodes=$(kubectl get nodes -o name | wc -l)
say "starting $((nodes + 1)) pods on $nodes nodes"
# How long a pod that ends still answers: slow nodes take longer to hear of it.
linger=$((OPT_VERIFY_SECONDS < 180 ? 10 : OPT_VERIFY_SECONDS / 18))
sed -e "s|@REPLICAS@|$((nodes + 1))|; s|@IMAGE@|$OPT_VERIFY_IMAGE|; s|@NAMESPACE@|$namespace|" \
  -e "s|@SECONDS@|$((OPT_VERIFY_SECONDS * 2))|; s|@LINGER@|$linger|; s|@GRACE@|$((linger + 10))|" smoke.yaml | kubectl apply -f - >/dev/null
in_namespace rollout status deployment/hello --timeout="${OPT_VERIFY_SECONDS}s"
mapfile -t pods < <(in_namespace get pods -l app=hello -o 'jsonpath={range .items[*]}{.metadata.name} {.status.podIP} {.spec.nodeName}{"\n"}{end}')
used=$(printf '%s\n' "${pods[@]}" | awk '{print $3}' | sort -u | wc -l)
[ "$used" -eq "$nodes" ] || { echo "the Deployment is on $used of $nodes nodes" >&2; exit 1; }
say "a Deployment of ${#pods[@]} pods is on all $nodes nodes"

# One pod of each node asks every pod.
# Some builds of busybox do not survive the -T of their own wget.
fetch() { in_namespace exec "$1" -- busybox timeout 15 busybox wget -q -O - "http://$2"; }
asked=' '
for from in "${pods[@]}"; do
  read -r name _ node <<<"$from"
  [[ $asked != *" $node "* ]] || continue
  asked+="$node "
  for to in "${pods[@]}"; do
    read -r peer address _ <<<"$to"
    got=$(fetch "$name" "$address:8080/")
    [ "$got" = "$peer" ] || { echo "$name on $node asked $peer at $address and got \"$got\"" >&2; exit 1; }
  done
done
say 'pods reach every pod at its own address, across nodes'

service=$(in_namespace get service hello -o 'jsonpath={.spec.clusterIP}')
asked=' '
for from in "${pods[@]}"; do
  read -r name _ node <<<"$from"
  [[ $asked != *" $node "* ]] || continue
  asked+="$node "
  for _ in 1 2 3 4; do fetch "$name" "$service:80/" >/dev/null || { echo "the Service does not answer $name on $node" >&2; exit 1; }; done
done
say "the Service $service answers pods of every node"

for pod in "${pods[@]}"; do
  read -r name _ node <<<"$pod"
  [[ $(in_namespace logs "$name") == *"hello from $name"* ]] || { echo "no logs of $name on $node" >&2; exit 1; }
done
say 'logs and exec work on every node'

if [ "${REL_DNS_PROVIDER_UNITS:-0}" -gt 0 ]; then
  read -r name _ <<<"${pods[0]}"
  fetch "$name" "hello.$namespace.svc.$OPT_CLUSTER_DOMAIN:80/" >/dev/null || { echo "pods cannot find the Service by its name" >&2; exit 1; }
  say 'pods find the Service by its name'
else
  say 'no DNS is related: names are not checked'
fi

# A request after the other, from this node, while every pod is replaced. Where one takes over 0.2 s, a pause of three times
# as long follows: else the requests take a slow node's processor from what they are to try.
stop=$(mktemp)
(
  failed=0 count=0
  while [ -e "$stop" ]; do
    count=$((count + 1)) began=${EPOCHREALTIME/[.,]/}
    curl -fsS -o /dev/null --connect-timeout 5 --max-time 10 "http://$service/" || failed=$((failed + 1))
    took=$((${EPOCHREALTIME/[.,]/} - began))
    [ "$took" -le 200000 ] || sleep "$((took * 3 / 1000000)).$(printf %06d $((took * 3 % 1000000)))"
  done
  echo "$count $failed" >"$stop.result"
) &
asking=$!
in_namespace rollout restart deployment/hello >/dev/null
in_namespace rollout status deployment/hello --timeout="$((OPT_VERIFY_SECONDS * 2))s" || failed_restart=1
rm -f "$stop"
wait "$asking"
read -r count failed <"$stop.result"
rm -f "$stop.result"
[ -z "${failed_restart:-}" ] || { echo 'the rolling restart does not end' >&2; exit 1; }
[ "$failed" -eq 0 ] || { echo "$failed of $count requests failed during the rolling restart" >&2; exit 1; }
say "a rolling restart of all pods: $count requests, none failed"
