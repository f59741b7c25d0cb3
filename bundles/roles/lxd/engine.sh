# Sourced: which engine of containers is used. LXD's commands are Incus's too, under other names.
export PATH=$PATH:/usr/sbin:/sbin:/snap/bin HOME=${HOME:-/root}

engine_kind() { # deb, snap or incus: as asked, else what is there, else what the system has
  if [ "${OPT_ENGINE:-auto}" != auto ]; then echo "$OPT_ENGINE"; return; fi
  if [ -e /snap/bin/lxd ]; then echo snap; return; fi
  if command -v lxd >/dev/null && command -v lxc >/dev/null; then echo deb; return; fi
  if command -v incus >/dev/null; then echo incus; return; fi
  . /etc/os-release
  if [ "$ID" = ubuntu ]; then echo snap; else echo deb; fi
}

if [ "$(engine_kind)" = incus ]; then
  lxc() { incus "$@"; }
  lxd() { incus admin "$@"; }
fi
