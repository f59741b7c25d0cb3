#!/bin/bash
# Makes a system container's cgroups and devices what a container runtime and kubelet expect. Changes nothing on a host.
set -euo pipefail

systemd-detect-virt --quiet --container || exit 0

# kubelet reads the kernel's log and does not start without.
if [ ! -e /dev/kmsg ]; then mknod /dev/kmsg c 1 11 2>/dev/null || ln -s /dev/console /dev/kmsg; fi

# Hosts that mount cpu and cpuacct apart: systemd expects them joined, and leaves links that lead nowhere.
cd /sys/fs/cgroup
[ ! -e cgroup.controllers ] || exit 0
[ -L cpu ] && [ ! -e cpu/tasks ] || exit 0
mount -o remount,rw /sys/fs/cgroup
for controller in cpu cpuacct net_cls net_prio; do [ ! -L "$controller" ] || rm "$controller"; done
rmdir cpu,cpuacct net_cls,net_prio hugetlb perf_event 2>/dev/null || true
for controller in cpu cpuacct; do
  grep -q "^$controller[[:space:]]*[1-9]" /proc/cgroups || continue
  mkdir -p "$controller"
  mountpoint -q "$controller" || mount -t cgroup -o "$controller" cgroup "$controller"
done
mount -o remount,ro /sys/fs/cgroup
