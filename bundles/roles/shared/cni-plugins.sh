# shellcheck shell=bash
# Sourced by the roles that give pods their network.

modules=/etc/modules-load.d/muster-pods.conf

# Now and after each start. In a container they are the host's.
load_modules() {
  modprobe vxlan 2>/dev/null || true # it may be built in
  modprobe br_netfilter 2>/dev/null || true
  if systemd-detect-virt --quiet --container; then return 0; fi
  printf '# Written by muster.\nvxlan\nbr_netfilter\n' >"$modules"
}

# The distribution has the plugins elsewhere than every container runtime looks.

link_plugins() {
  local plugin
  mkdir -p /opt/cni/bin
  for plugin in /usr/lib/cni/*; do
    [ ! -x "$plugin" ] || [ -e "/opt/cni/bin/${plugin##*/}" ] || ln -s "$plugin" "/opt/cni/bin/${plugin##*/}"
  done
}

# Unless another network's pods need them.
unlink_plugins() {
  local link
  [ -z "$(ls -A /etc/cni/net.d 2>/dev/null)" ] || return 0
  rm -f "$modules"
  for link in /opt/cni/bin/*; do
    [[ $(readlink "$link") != /usr/lib/cni/* ]] || rm "$link"
  done
  # /etc/cni/net.d stays: containerd watches it, and another in its place would not be seen.
  rmdir /opt/cni/bin /opt/cni 2>/dev/null || true
}
