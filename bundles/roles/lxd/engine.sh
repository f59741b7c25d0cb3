# Sourced: which engine of containers is used. LXD's commands are Incus's too, under other names.
export PATH=$PATH:/usr/sbin:/sbin:/snap/bin HOME=${HOME:-/root}

has_package() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

engine_kind() { # deb, snap or incus: as asked, else what is there, else what the system has
  if [ "${OPT_ENGINE:-auto}" != auto ]; then echo "$OPT_ENGINE"; return; fi
  if [ -e /snap/bin/lxd ]; then echo snap; return; fi
  # Ubuntu's lxd-installer has programs of these names, which fetch a snap of a channel of its own.
  if command -v lxd >/dev/null && command -v lxc >/dev/null && ! has_package lxd-installer; then echo deb; return; fi
  if command -v incus >/dev/null; then echo incus; return; fi
  . /etc/os-release
  if [ "$ID" = ubuntu ]; then echo snap; else echo deb; fi
}

if [ "$(engine_kind)" = incus ]; then
  lxc() { incus "$@"; }
  lxd() { incus admin "$@"; }
fi

own_container() { # refuses where $NAME is not a container of the deployment
  [ "$(lxc config get "$NAME" user.muster.deployment 2>/dev/null)" != "$DEPLOYMENT" ] || return 0
  echo "cannot find container $NAME of this deployment on this host" >&2
  exit 78
}

own_probe() { # whether the container `probe` is one of the role's image, and not the operator's
  local made_of
  made_of=$(lxc config get probe volatile.base_image 2>/dev/null || true)
  [ -n "$made_of" ] && lxc image list --format csv -c lF | grep -qxF "muster-probe,$made_of"
}

setting() { lxc config get "$NAME" "user.muster.$1"; }
fixed_address() { lxc config device get "$NAME" eth0 ipv4.address 2>/dev/null || true; } # that a move has kept
put() { lxc file push --quiet --create-dirs --uid 0 --gid 0 --mode "$2" - "$NAME$1"; } # PATH MODE: standard input

new_host_key() { # the last that is put into $NAME before it first runs: with it noted, all of it is there
  rm -f key key.pub
  ssh-keygen -q -t ed25519 -N '' -C "$NAME" -f key
  put /etc/ssh/ssh_host_ed25519_key 0600 <key
  put /etc/ssh/ssh_host_ed25519_key.pub 0644 <key.pub
  lxc config set "$NAME" "user.muster.host-key=$(cat key.pub)"
  rm -f key
}

state_of() { lxc list "^$1$" --format csv -c s; }

start_and_find() { # NAME: starts it where it does not run, waits until SSH answers, and sets `address`
  [ "$(state_of "$1")" = RUNNING ] || lxc start "$1"
  address=''
  until [ -n "$address" ] && (exec 3<>"/dev/tcp/$address/22") 2>/dev/null; do
    sleep 0.5
    address=$(lxc list "^$1$" --format csv -c 4 | grep -oE '[0-9.]+ \(eth0\)' | head -n 1 | cut -d' ' -f1 || true)
  done
}

publish_place() { # where $NAME answers, once it was found
  muster-publish address "$address"
  muster-publish host_key "$(setting host-key)"
  echo "container $NAME answers at $address"
}
