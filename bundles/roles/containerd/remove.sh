#!/bin/bash
# Ends every container of Kubernetes' and forgets its images; the package stays, and a containerd that was there before runs on
# as it was.
set -euo pipefail
command -v ctr >/dev/null || exit 0
. ./put-back.sh

for task in $(ctr -n k8s.io tasks list -q 2>/dev/null || true); do
  ctr -n k8s.io tasks kill -s KILL "$task" 2>/dev/null || true
  ctr -n k8s.io tasks delete --force "$task" >/dev/null 2>&1 || true
done
for container in $(ctr -n k8s.io containers list -q 2>/dev/null || true); do
  ctr -n k8s.io containers delete "$container" 2>/dev/null || true
done
for image in $(ctr -n k8s.io images list -q 2>/dev/null || true); do
  ctr -n k8s.io images remove "$image" >/dev/null 2>&1 || true
done
put_back /etc/containerd/config.toml
put_back /etc/containerd/certs.d/docker.io/hosts.toml
rmdir /etc/containerd/certs.d/docker.io /etc/containerd/certs.d 2>/dev/null || true
systemctl disable --quiet --now muster-container-cgroups.service 2>/dev/null || true
rm -rf /etc/systemd/system/muster-container-cgroups.service /usr/local/lib/muster/containerd-cgroups /var/lib/muster/images
systemctl daemon-reload
if [ -e /var/lib/muster/roles/containerd/installed ]; then
  systemctl disable --quiet --now containerd.service 2>/dev/null || true
else
  systemctl restart containerd.service || true
fi
rm -rf /var/lib/muster/roles/containerd
