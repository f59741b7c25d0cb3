# shellcheck shell=dash
# What makes an image this machine: its name, its SSH host keys (made in memory; the private halves go nowhere else),
# the keys that may log in, and cloud-init's NoCloud seed.

HOST_KEYS=/run/muster/host-keys

# Elliptic curves only: an RSA key takes seconds to make.
make_host_keys() {
  [ -s "$HOST_KEYS/public" ] && return
  mkdir -p "$HOST_KEYS"
  chmod 0700 "$HOST_KEYS"
  for type in ed25519 ecdsa; do
    rm -f "$HOST_KEYS/ssh_host_${type}_key"
    ssh-keygen -q -t "$type" -N '' -C "${hostname:-muster}" -f "$HOST_KEYS/ssh_host_${type}_key" < /dev/null ||
      fail_transient "cannot make an SSH host key ($type)"
  done
  cat "$HOST_KEYS"/ssh_host_*_key.pub > "$HOST_KEYS/public"
}

write_host_keys() {
  mkdir -p "$1/etc/ssh"
  rm -f "$1"/etc/ssh/ssh_host_*
  cp "$HOST_KEYS"/ssh_host_* "$1/etc/ssh/"
  chmod 0600 "$1"/etc/ssh/ssh_host_*_key
  chmod 0644 "$1"/etc/ssh/ssh_host_*_key.pub
}

write_identity() {
  echo "$hostname" > "$1/etc/hostname"
  printf '127.0.0.1\tlocalhost\n127.0.1.1\t%s\n::1\tlocalhost ip6-localhost ip6-loopback\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n' \
    "$hostname" > "$1/etc/hosts"
  # systemd makes a new one at the first boot.
  : > "$1/etc/machine-id"
  write_authorized_keys "$1"
}

write_authorized_keys() {
  mkdir -p "$1/root/.ssh"
  chmod 0700 "$1/root/.ssh"
  parameter authorizedKeys > "$1/root/.ssh/authorized_keys"
  chmod 0600 "$1/root/.ssh/authorized_keys"
}

write_seed() {
  seed="$1/var/lib/cloud/seed/nocloud"
  mkdir -p "$seed" "$1/etc/cloud/cloud.cfg.d"
  chmod 0700 "$seed"
  (
    umask 077
    # Without a newline of our own at the end; some readers hash these files.
    # shellcheck disable=SC2154 # the order sets them
    printf '%s' "$parameter_seed_metaData" > "$seed/meta-data"
    # shellcheck disable=SC2154
    printf '%s' "$parameter_seed_userData" > "$seed/user-data"
    # shellcheck disable=SC2154
    printf '%s' "$parameter_seed_networkConfig" > "$seed/network-config"
    [ -s "$seed/network-config" ] || rm -f "$seed/network-config"
  )
  # cloud-init would delete the host keys that muster has pinned, and lock the root keys it was given.
  cat > "$1/etc/cloud/cloud.cfg.d/99-muster.cfg" << EOF
datasource_list: [NoCloud, None]
ssh_deletekeys: false
ssh_genkeytypes: [ed25519, ecdsa]
disable_root: false
EOF
}
