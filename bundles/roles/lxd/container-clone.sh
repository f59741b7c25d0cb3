#!/bin/bash
# Copies the container $SOURCE of the deployment as $NAME, which has an identity of its own, and starts it with SSH alone:
# what its original runs would take part in everything a second time. Run again it goes on where it was.
set -euo pipefail
. ./engine.sh

# Of a snapshot, for which what runs is paused: a copy of what changes would not agree with itself.
copy() {
  local snapshot=$SOURCE/clone-$NAME
  ! lxc config show "$snapshot" >/dev/null 2>&1 || lxc delete "$snapshot" # of an attempt that was cut
  lxc snapshot "$SOURCE" "clone-$NAME"
  lxc copy "$snapshot" "$NAME" -c "user.muster.node=$KEY" -c "user.muster.clone-of=$SOURCE" -c user.muster.host-key= ||
    { lxc delete "$snapshot"; return 1; }
  lxc delete "$snapshot"
}

furnish() {
  local hosts kind
  # A container that was moved has kept its address so.
  lxc config device unset "$NAME" eth0 ipv4.address 2>/dev/null || true
  : | put /etc/machine-id 0444
  echo "$NAME" | put /etc/hostname 0644
  hosts=$(lxc file pull "$NAME/etc/hosts" -)
  sed "s/^127\.0\.1\.1 .*/127.0.1.1 $NAME/" <<<"$hosts" | put /etc/hosts 0644
  # As a file of its own: through a link that is there the system's own target would be overwritten.
  lxc file delete "$NAME/etc/systemd/system/default.target" 2>/dev/null || true
  put /etc/systemd/system/default.target 0644 <<'END'
[Unit]
Description=A clone: SSH, and nothing of what its original runs
Requires=sysinit.target
Wants=systemd-networkd.service systemd-resolved.service dbus.socket systemd-user-sessions.service ssh.service
After=sysinit.target
AllowIsolate=yes
END
  for kind in rsa ecdsa dsa ed25519; do
    lxc file delete "$NAME/etc/ssh/ssh_host_${kind}_key" "$NAME/etc/ssh/ssh_host_${kind}_key.pub" 2>/dev/null || true
  done
  new_host_key
}

if ! lxc config show "$NAME" >/dev/null 2>&1; then
  NAME=$SOURCE own_container
  copy
elif [ "$(setting deployment)" != "$DEPLOYMENT" ] || [ "$(setting clone-of)" != "$SOURCE" ]; then
  echo "cannot make container $NAME: there is another of that name" >&2
  exit 78
fi
[ -n "$(setting host-key)" ] || furnish
start_and_find "$NAME"
publish_place
