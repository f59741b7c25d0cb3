#!/bin/sh
# Run at the start of a container that holds containers. Where the host mounts cpu and cpuacct (net_cls and net_prio) as
# two hierarchies each, systemd in here wants them joined: it makes a joined folder with nothing behind it, and links the
# single names to that. This takes both away and mounts each hierarchy under its own name, as the host has them.
set -eu
cd /sys/fs/cgroup

main() {
  is_apart cpu || is_apart net_cls || exit 0
  mount -o remount,rw /sys/fs/cgroup
  for name in cpu cpuacct net_cls net_prio; do
    if [ -L "$name" ]; then rm "$name"; fi
  done
  rmdir cpu,cpuacct net_cls,net_prio hugetlb perf_event 2> /dev/null || true
  for name in cpu cpuacct; do
    # Its number in /proc/cgroups is 0 where the kernel has it in the unified hierarchy or not at all.
    if ! grep -q "^$name[[:space:]]*[1-9]" /proc/cgroups; then continue; fi
    mkdir -p "$name"
    mountpoint -q "$name" || mount -t cgroup -o "$name" cgroup "$name"
  done
  mount -o remount,ro /sys/fs/cgroup
}

# A link of systemd's to a folder that nothing is mounted on.
is_apart() {
  [ -L "$1" ] && [ ! -e "$1/cgroup.procs" ]
}

main
