#!/busybox sh
# udhcpc's hook: puts the lease on the interface.
export PATH=/usr/bin
# shellcheck disable=SC2154 # udhcpc sets these
case $1 in
  bound | renew)
    ip addr flush dev "$interface"
    ip addr add "$ip/${mask:-24}" dev "$interface"
    [ -n "$router" ] && ip route replace default via "${router%% *}" dev "$interface"
    : > /etc/resolv.conf
    for server in $dns; do echo "nameserver $server" >> /etc/resolv.conf; done
    ;;
esac
exit 0
