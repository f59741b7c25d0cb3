#!/bin/bash
set -euo pipefail
. ./certificates.sh
. ./etcd-client.sh
. ./membership.sh

pki=/etc/etcd/pki
take_certificates
chown -R etcd:etcd "$pki"

# The first unit begins the cluster, the others join it: so a unit that comes later, or in another's place, is never one of
# a cluster of its own. Once begun, etcd goes by its own record.
if [ -d /var/lib/etcd/muster/member ]; then
  start=$(grep '^ETCD_INITIAL_CLUSTER' /etc/default/etcd || true)
elif [ "$LEADER" = true ] && ! others_run; then
  start="ETCD_INITIAL_CLUSTER=$name=$own_url
ETCD_INITIAL_CLUSTER_STATE=new
ETCD_INITIAL_CLUSTER_TOKEN=$APPLICATION"
else
  join
  start="ETCD_INITIAL_CLUSTER=$initial
ETCD_INITIAL_CLUSTER_STATE=existing
ETCD_INITIAL_CLUSTER_TOKEN=$APPLICATION"
fi

cat >/etc/default/etcd.new <<CONF
# Written by muster.
ETCD_NAME=$name
ETCD_DATA_DIR=/var/lib/etcd/muster
ETCD_LISTEN_CLIENT_URLS=https://$ADDRESS:$OPT_PORT,https://127.0.0.1:$OPT_PORT
ETCD_ADVERTISE_CLIENT_URLS=https://$ADDRESS:$OPT_PORT
ETCD_LISTEN_PEER_URLS=https://$ADDRESS:$OPT_PEER_PORT
ETCD_INITIAL_ADVERTISE_PEER_URLS=$own_url
$start
ETCD_CERT_FILE=$pki/etcd.crt
ETCD_KEY_FILE=$pki/etcd.key
ETCD_TRUSTED_CA_FILE=$pki/ca.crt
ETCD_CLIENT_CERT_AUTH=true
ETCD_PEER_CERT_FILE=$pki/etcd.crt
ETCD_PEER_KEY_FILE=$pki/etcd.key
ETCD_PEER_TRUSTED_CA_FILE=$pki/ca.crt
ETCD_PEER_CLIENT_CERT_AUTH=true
ETCD_HEARTBEAT_INTERVAL=$OPT_HEARTBEAT_INTERVAL
ETCD_ELECTION_TIMEOUT=$OPT_ELECTION_TIMEOUT
ETCD_SNAPSHOT_COUNT=$OPT_SNAPSHOT_COUNT
$([ "$OPT_UNSAFE_NO_FSYNC" = true ] && echo ETCD_UNSAFE_NO_FSYNC=true || true)
CONF
changed=$renewed
if cmp -s /etc/default/etcd.new /etc/default/etcd; then rm /etc/default/etcd.new; else
  mv /etc/default/etcd.new /etc/default/etcd
  changed+=' settings'
fi
systemctl enable --quiet etcd.service
# The service says that it is up only when the cluster has a leader, for which the others are needed too.
if ! systemctl is-active --quiet etcd.service; then
  systemctl start --no-block etcd.service
elif [ -n "$changed" ]; then
  echo "restarting etcd for$changed"
  systemctl restart --no-block etcd.service
fi
