#!/bin/bash
# Tells apt of the cache, by a program that looks whether it is there.
set -euo pipefail

[ "$REL_PROXY_UNITS" -gt 0 ] || { echo "no apt-proxy is related" >&2; exit 78; }
[[ $REL_PROXY_0_URL =~ ^http://[A-Za-z0-9.:-]+:[0-9]+$ ]] || { echo "the cache says that it is at \"$REL_PROXY_0_URL\"" >&2; exit 78; }
changed=''
put() { # put FILE MODE: standard input, where it is not that already
  cat >"$1.new"
  chmod "$2" "$1.new"
  if cmp -s "$1.new" "$1"; then rm "$1.new"; else mv "$1.new" "$1"; changed=yes; fi
}

folder=/usr/local/lib/muster
install -d -m 0755 "$folder"
put "$folder/muster-apt-proxy" 0755 <muster-apt-proxy
put "$folder/apt-proxy.url" 0644 <<<"$REL_PROXY_0_URL"
settings() {
  echo "Acquire::http::Proxy-Auto-Detect \"$folder/muster-apt-proxy\";"
  # Without a tunnel, sources by https are taken past the cache.
  if [ "$REL_PROXY_0_TUNNEL" != true ]; then echo 'Acquire::https::Proxy "DIRECT";'; fi
}
put /etc/apt/apt.conf.d/30muster-apt-proxy 0644 < <(settings)
[ -n "$changed" ] || muster-unchanged
