#!/bin/bash
set -euo pipefail
. ./certificates.sh

pki=/etc/etcd/pki
take_certificates
chown -R etcd:etcd "$pki"

# The members are those of the first start; later etcd goes by its own record.
members=${UNIT/\//-}=https://$ADDRESS:$OPT_PEER_PORT
for ((index = 0; index < REL_CLUSTER_UNITS; index++)); do
  member=REL_CLUSTER_${index}_MEMBER address=REL_CLUSTER_${index}_ADDRESS
  members+=,${!member}=https://${!address}:$OPT_PEER_PORT
done
members=$(tr ',' '\n' <<<"$members" | sort | paste -sd,)

cat >/etc/default/etcd.new <<CONF
# Written by muster.
ETCD_NAME=${UNIT/\//-}
ETCD_DATA_DIR=/var/lib/etcd/muster
ETCD_LISTEN_CLIENT_URLS=https://$ADDRESS:$OPT_PORT,https://127.0.0.1:$OPT_PORT
ETCD_ADVERTISE_CLIENT_URLS=https://$ADDRESS:$OPT_PORT
ETCD_LISTEN_PEER_URLS=https://$ADDRESS:$OPT_PEER_PORT
ETCD_INITIAL_ADVERTISE_PEER_URLS=https://$ADDRESS:$OPT_PEER_PORT
ETCD_INITIAL_CLUSTER=$members
ETCD_INITIAL_CLUSTER_STATE=new
ETCD_INITIAL_CLUSTER_TOKEN=$APPLICATION
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
