#!/bin/bash
# make-probe-image.sh FILE: makes an LXD image of the node's own busybox, so that nothing need be downloaded.
set -euo pipefail

busybox=$(command -v busybox) || { echo "cannot make the probe image: install busybox-static" >&2; exit 1; }
applets=$("$busybox" --list)
for applet in udhcpc httpd wget sha256sum; do
  grep -qx "$applet" <<<"$applets" || { echo "cannot make the probe image: this busybox has no $applet; install busybox-static" >&2; exit 1; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/rootfs
mkdir -p "$root"/{bin,sbin,etc,dev,proc,sys,run,tmp,srv,usr/bin,usr/sbin,var}
cp "$busybox" "$root/bin/busybox"
# A dynamic busybox (Debian's package without -static) takes its libraries along.
libraries=$(ldd "$busybox" 2>/dev/null | grep -o '/[^ ]*' || true)
for library in $libraries; do install -D "$(readlink -f "$library")" "$root$library"; done
for applet in sh ip ping wget sha256sum udhcpc httpd cat grep sleep mkdir hostname ls ps seq test head mv; do ln -s busybox "$root/bin/$applet"; done
ln -s ../bin/busybox "$root/sbin/init"

cat >"$root/etc/inittab" <<'INITTAB'
::sysinit:/bin/ip link set lo up
::respawn:/bin/udhcpc -f -i eth0 -s /etc/udhcpc.script -t 5 -T 1 -A 1
::respawn:/bin/httpd -f -p 8080 -h /srv
::ctrlaltdel:/bin/busybox poweroff -f
INITTAB
cat >"$root/etc/udhcpc.script" <<'SCRIPT'
#!/bin/sh
# udhcpc tells: $1 what happened, $interface $ip $mask (length) $router $dns.
case $1 in
  deconfig) ip addr flush dev "$interface"; ip link set "$interface" up ;;
  bound | renew)
    ip addr replace "$ip/$mask" dev "$interface"
    [ -z "$mtu" ] || ip link set "$interface" mtu "$mtu"
    for gateway in $router; do ip route replace default via "$gateway"; done
    : >/etc/resolv.conf
    for server in $dns; do echo "nameserver $server" >>/etc/resolv.conf; done
    ;;
esac
SCRIPT
chmod 0755 "$root/etc/udhcpc.script"
echo 'root:x:0:0:root:/:/bin/sh' >"$root/etc/passwd"
echo 'root:x:0:' >"$root/etc/group"
install -m 0755 probe-check.sh "$root/usr/bin/probe-check"
install -m 0755 probe-payload.sh "$root/usr/bin/probe-payload"

cat >"$work/metadata.yaml" <<METADATA
architecture: $(uname -m)
creation_date: 1700000000
properties: {os: busybox, description: "muster's probe"}
METADATA
tar -C "$work" --numeric-owner --owner=0 --group=0 -czf "$1" metadata.yaml rootfs
