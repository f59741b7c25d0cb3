#!/bin/bash
set -euo pipefail
. ./certificates.sh
. ./etcd-client.sh
. ./membership.sh

pki=/etc/etcd/pki
take_certificates
chown -R etcd:etcd "$pki"

# Data of a member that the others have let go is of no use to it.
if has_data && [ "$REL_CLUSTER_UNITS" -gt 0 ] && ! systemctl is-active --quiet etcd.service && there=$(members ask_others) &&
  [ -z "$(id_of "$own_url" <<<"$there")" ]; then
  kept=$data.left-$(date -u +%Y%m%dT%H%M%SZ)
  echo "the cluster has this member no more: its old data is kept as $kept"
  mv "$data" "$kept"
fi
# The first unit begins the cluster, the others join it: so a unit that comes later, or in another's place, is never one of
# a cluster of its own. Once begun, etcd goes by its own record.
if has_data; then
  start=$(grep '^ETCD_INITIAL_CLUSTER' /etc/default/etcd || true)
elif systemctl stop etcd.service && rm -rf "$data/member" && [ "$LEADER" = true ] && ! others_run; then
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
ETCD_DATA_DIR=$data
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
if [[ $start == *STATE=existing* && $REL_CLUSTER_UNITS -gt 0 ]]; then patiently has_vote; fi
# Another run may have left them: a unit that could not be reached cannot leave by itself.
if [ "$REL_CLUSTER_UNITS" -gt 0 ] && there=$(members ask_others 2>/dev/null); then let_go ask_others <<<"$there" || true; fi
