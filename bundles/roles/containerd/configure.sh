#!/bin/bash
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin

. ./put-back.sh

fail() { echo "cannot set containerd up: $*" >&2; exit 78; }
[[ $OPT_SANDBOX_IMAGE =~ ^[A-Za-z0-9./:@_-]+$ ]] || fail "sandbox-image \"$OPT_SANDBOX_IMAGE\" is no image"
[[ $OPT_REGISTRY_MIRROR =~ ^(https?://[A-Za-z0-9.:/_-]+)?$ ]] || fail "registry-mirror \"$OPT_REGISTRY_MIRROR\" is no address"

in_container=false
if systemd-detect-virt --quiet --container; then in_container=true; fi
restrict=$OPT_RESTRICT_OOM_SCORE_ADJ driver=$OPT_CGROUP_DRIVER
[ "$restrict" != auto ] || restrict=$in_container
if [ "$driver" = auto ]; then
  driver=systemd
  # There, systemd is not free to make every cgroup of the old hierarchies.
  if [ "$in_container" = true ]; then driver=cgroupfs; fi
fi
# AppArmor's interface is the host's.
no_apparmor=$in_container

write() { # write FILE: sets changed where it was another
  mkdir -p "$(dirname "$1")"
  cat >"$1.muster-new"
  if cmp -s "$1.muster-new" "$1"; then rm "$1.muster-new"; else mv "$1.muster-new" "$1"; changed=true; fi
}
changed=false

take_over() { # take_over FILE: writes it; one that is not muster's is kept beside it
  [ ! -e "$1" ] || head -n 1 "$1" | grep -q '^# Written by muster' || cp -p "$1" "$1.before-muster"
  write "$1"
}
take_over /etc/containerd/config.toml <<CONF
# Written by muster.
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$OPT_SANDBOX_IMAGE"
  restrict_oom_score_adj = $restrict
  disable_apparmor = $no_apparmor
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = $([ "$driver" = systemd ] && echo true || echo false)
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/opt/cni/bin"
    conf_dir = "/etc/cni/net.d"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "/etc/containerd/certs.d"
CONF
mirror=/etc/containerd/certs.d/docker.io/hosts.toml
if [ -n "$OPT_REGISTRY_MIRROR" ]; then
  take_over "$mirror" <<CONF
# Written by muster.
server = "https://registry-1.docker.io"
[host."$OPT_REGISTRY_MIRROR"]
  capabilities = ["pull", "resolve"]
CONF
else
  put_back "$mirror"
fi
write /etc/systemd/system/muster-container-cgroups.service <<'UNIT'
[Unit]
Description=Cgroups and devices for containers in a system container
DefaultDependencies=no
Before=containerd.service kubelet.service
After=systemd-journald.socket

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/lib/muster/containerd-cgroups

[Install]
WantedBy=multi-user.target
UNIT
[ "$changed" = false ] || systemctl daemon-reload
systemctl enable --quiet muster-container-cgroups.service containerd.service
systemctl start muster-container-cgroups.service
if [ "$changed" = true ] || ! systemctl is-active --quiet containerd.service; then systemctl restart containerd.service; fi

for ((second = 0; second < 60; second++)); do
  ! ctr version >/dev/null 2>&1 || break
  sleep 1
done
# Loaded once: the mark has the archive's sum in its name.
if [ -s "${ARTIFACT_IMAGES:-}" ]; then
  mark=/var/lib/muster/images/$(sha256sum "$ARTIFACT_IMAGES" | cut -d' ' -f1)
  if [ ! -e "$mark" ]; then
    ctr -n k8s.io images import "$ARTIFACT_IMAGES"
    mkdir -p "${mark%/*}"
    touch "$mark"
  fi
elif [ -n "$OPT_IMAGES" ]; then
  fail "the archive $OPT_IMAGES could not be had"
fi
{
  echo 'socket=unix:///run/containerd/containerd.sock'
  echo "sandbox_image=$OPT_SANDBOX_IMAGE"
  echo "cgroup_driver=$driver"
} >>"$MUSTER_OUTPUT"
echo "containerd runs, cgroups by $driver"
