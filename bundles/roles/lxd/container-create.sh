#!/bin/bash
# Makes a container that answers SSH with a key of its own, and lets the deployment in. Run again it goes on where it was.
set -euo pipefail
. ./engine.sh

make() {
  local options=(-c "user.muster.deployment=$DEPLOYMENT" -c "user.muster.node=$KEY")
  [ -z "$CORES" ] || options+=(-c "limits.cpu=$((CORES < $(nproc) ? CORES : $(nproc)))")
  [ -z "$MEM_MIB" ] || options+=(-c "limits.memory=${MEM_MIB}MiB")
  [ "$NESTING" != true ] || options+=(-c security.nesting=true)
  if [ "$PRIVILEGED" = true ]; then
    options+=(-c security.privileged=true -c security.nesting=true)
    options+=(-c $'raw.lxc=lxc.cap.drop=\nlxc.mount.auto=proc:rw sys:rw cgroup:rw\nlxc.cgroup.devices.allow=a\nlxc.cgroup2.devices.allow=a\n')
  fi
  lxc init "$ALIAS" "$NAME" --profile muster "${options[@]}" </dev/null
  [ "$PRIVILEGED" != true ] || lxc config device add "$NAME" kmsg unix-char source=/dev/kmsg path=/dev/kmsg mode=0600
  if [ -n "$ROOT_MIB" ]; then
    lxc config device override "$NAME" root size="${ROOT_MIB}MiB" || echo "the pool takes no size: the root of $NAME is not limited"
  fi
}

# Before it first runs. cloud-init would do the same in twice the time, so it is switched off where the image has it.
furnish() {
  echo "$NAME" | put /etc/hostname 0644
  printf '127.0.0.1 localhost\n127.0.1.1 %s\n::1 localhost ip6-localhost\n' "$NAME" | put /etc/hosts 0644
  # Networkd's own name for the DHCP client would change with the machine id, which is new in every container.
  printf '[Match]\nName=eth0\n\n[Network]\nDHCP=yes\n\n[DHCPv4]\nUseDomains=true\nClientIdentifier=mac\n' |
    put /etc/systemd/network/10-muster.network 0644
  : | put /etc/cloud/cloud-init.disabled 0644
  # A unit without content is masked: the kernel's formats are not a container's to set.
  : | put /etc/systemd/system/systemd-binfmt.service 0644
  printf '%s\n' "$AUTHORIZED_KEYS" | put /root/.ssh/authorized_keys 0600
  if [ -f muster-cgroups.service ]; then
    put /usr/local/sbin/muster-cgroups 0755 <muster-cgroups.sh
    put /etc/systemd/system/muster-cgroups.service 0644 <muster-cgroups.service
    put /etc/systemd/system/sysinit.target.wants/muster-cgroups.service 0644 <muster-cgroups.service
  fi
  new_host_key
}

if ! lxc config show "$NAME" >/dev/null 2>&1; then
  make
elif [ "$(setting deployment)" != "$DEPLOYMENT" ]; then
  echo "cannot make container $NAME: there is one that belongs to another" >&2
  exit 78
fi
[ -n "$(setting host-key)" ] || furnish
start_and_find "$NAME"
publish_place
