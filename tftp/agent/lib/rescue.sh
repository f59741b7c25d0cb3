# shellcheck shell=dash
# Rescue: an SSH server in memory, for repair. Disks are left alone.

order_rescue() {
  make_host_keys
  write_authorized_keys ''
  chmod 0700 /root
  mkdir -p /etc/ssh /run/sshd
  cat > /etc/ssh/sshd_config << EOF
HostKey $HOST_KEYS/ssh_host_ed25519_key
HostKey $HOST_KEYS/ssh_host_ecdsa_key
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
Subsystem sftp internal-sftp
SetEnv PATH=/usr/bin
EOF
  printf 'You are in the memory environment of muster (%s). The disks are not mounted.\n' "$(cat /etc/muster/version)" > /etc/motd
  load_drivers
  load_extra_drivers ext4 xfs btrfs vfat dm_mod
  # sshd outlives the order; it starts itself again for each connection, by its full path.
  setsid /usr/bin/sshd -f /etc/ssh/sshd_config || fail_permanent 'cannot start the SSH server'
  succeed "$(jq -n --rawfile keys "$HOST_KEYS/public" '{hostKeys: ($keys | split("\n") | map(select(. != "")))}')"
}
