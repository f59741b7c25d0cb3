#!/bin/bash
# Makes the image muster-probe of the node's own busybox, so that nothing need be downloaded.
set -euo pipefail

busybox=$(command -v busybox) || { echo "cannot make the probe image: install busybox-static" >&2; exit 1; }
applets=$("$busybox" --list)
for applet in httpd wget sha256sum ping; do
  grep -qx "$applet" <<<"$applets" || { echo "cannot make the probe image: this busybox has no $applet; install busybox-static" >&2; exit 1; }
done
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root"/{bin,etc,tmp,srv}
cp "$busybox" "$root/bin/busybox"
# A dynamic busybox (Debian's package without -static) takes its libraries along.
libraries=$(ldd "$busybox" 2>/dev/null | grep -o '/[^ ]*' || true)
for library in $libraries; do install -D "$(readlink -f "$library")" "$root$library"; done
for applet in sh ip ping wget sha256sum httpd grep head mv test; do ln -s busybox "$root/bin/$applet"; done
echo 'root:x:0:0:root:/:/bin/sh' >"$root/etc/passwd"
install -m 0755 probe-check.sh "$root/bin/probe-check"
tar -C "$root" --numeric-owner --owner=0 --group=0 -c . |
  docker import --change 'ENV PATH=/bin' --change 'CMD ["httpd", "-f", "-p", "8080", "-h", "/srv"]' - muster-probe
