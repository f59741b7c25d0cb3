# shellcheck shell=bash
# Sourced by the roles that run a part of Kubernetes.
export PATH=$PATH:/usr/local/bin:/usr/sbin:/sbin
pki=/etc/kubernetes/pki

fail() { echo "cannot go on: $*" >&2; exit 78; }

minor_of() { local rest=${1#1.}; echo "${rest%%.*}"; }

# The version is one this role knows, and of the channel that a published bundle names.
check_version() {
  local minor=${OPT_VERSION%.*}
  [[ $OPT_VERSION =~ ^1\.[0-9]{2}\.[0-9]+$ ]] || fail "version \"$OPT_VERSION\" is not such as 1.34.2"
  [ -z "$OPT_CHANNEL" ] || [ "${OPT_CHANNEL%%/*}" = "$minor" ] ||
    fail "channel says ${OPT_CHANNEL%%/*} and version $OPT_VERSION: set version to the one of ${OPT_CHANNEL%%/*} that you want"
}

# install_binaries NAME...: from the artifact, laid out as upstream's kubernetes-server-linux-<arch>.tar.gz.
install_binaries() {
  local have wanted="v$OPT_VERSION" name stale=''
  for name in "$@"; do
    have=$("/usr/local/bin/$name" --version 2>/dev/null || "/usr/local/bin/$name" version --client 2>/dev/null || true)
    [[ $have == *"$wanted"* ]] || stale+=" $name"
  done
  [ -n "$stale" ] || return 0
  [ -s "${ARTIFACT_KUBERNETES:-}" ] || fail 'the artifact "kubernetes" was not brought to this node'
  echo "unpacking$stale"
  mkdir -p /usr/local/bin/.muster
  # Beside the old, then in one move: what runs goes on with what it has open.
  # shellcheck disable=SC2086 # a list of names
  tar -xzf "$ARTIFACT_KUBERNETES" -C /usr/local/bin/.muster --strip-components=3 --no-same-owner --touch \
    $(printf 'kubernetes/server/bin/%s ' $stale)
  for name in $stale; do mv -f "/usr/local/bin/.muster/$name" "/usr/local/bin/$name"; done
  rm -rf /usr/local/bin/.muster
}

install_packages() {
  local package missing=()
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  export DEBIAN_FRONTEND=noninteractive
  echo "installing ${missing[*]}"
  apt-get -q update
  apt-get -q install -y --no-install-recommends "${missing[@]}"
}

# write FILE: standard input, in one piece; what is the same already stays as it is.
write() {
  mkdir -p "$(dirname "$1")"
  cat >"$1.muster-new"
  if cmp -s "$1.muster-new" "$1"; then rm "$1.muster-new"; else mv "$1.muster-new" "$1"; fi
}

# kubeconfig NAME SERVER: for the certificate of that name. It names files, and says nothing secret.
kubeconfig() {
  write "/etc/kubernetes/$1.conf" <<CONFIG
apiVersion: v1
kind: Config
clusters: [{name: cluster, cluster: {server: "$2", certificate-authority: $pki/ca.crt}}]
users: [{name: $1, user: {client-certificate: $pki/$1.crt, client-key: $pki/$1.key}}]
contexts: [{name: cluster, context: {cluster: cluster, user: $1}}]
current-context: cluster
CONFIG
}

# run_service NAME FILE...: starts it; restarts it where one of the files, its unit or its program is newer than its start.
run_service() {
  local name=$1 file started=/run/muster/$1.started
  shift
  mkdir -p /run/muster
  systemctl enable --quiet "$name.service"
  if [ -e "$started" ] && systemctl is-active --quiet "$name.service"; then
    for file in "/usr/local/bin/$name" "/etc/systemd/system/$name.service" "$@"; do
      [ "$file" -nt "$started" ] || continue
      echo "restarting $name for $file"
      touch "$started"
      systemctl restart "$name.service"
      return 0
    done
    return 0
  fi
  touch "$started"
  systemctl restart "$name.service"
}

in_container() { systemd-detect-virt --quiet --container; }

# nth_address CIDR N: the address N after the network's own.
nth_address() {
  local a b c d number
  IFS=./ read -r a b c d _ <<<"$1"
  number=$(((a << 24 | b << 16 | c << 8 | d) + $2))
  echo "$((number >> 24 & 255)).$((number >> 16 & 255)).$((number >> 8 & 255)).$((number & 255))"
}

node_name() {
  local name
  name=$(hostname | tr '[:upper:]' '[:lower:]')
  [[ $name =~ ^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$ ]] || fail "the host's name \"$name\" is no name for a node"
  echo "$name"
}

# until_true SECONDS WHAT COMMAND...
# A check that is slow to answer is made the less often: many who ask a busy API server each second keep it busy.
until_true() {
  local seconds=$1 what=$2 end=$((SECONDS + $1)) began took
  shift 2
  while began=$SECONDS && [ "$began" -lt "$end" ]; do
    if "$@" >/dev/null 2>&1; then return 0; fi
    took=$((SECONDS - began))
    sleep "$((took < 1 ? 1 : took > 15 ? 15 : took))"
  done
  echo "after $seconds seconds still not: $what" >&2
  "$@" >&2 || true
  return 1
}
