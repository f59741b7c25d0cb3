# shellcheck shell=bash
# Sourced, after etcd-client.sh: which members the cluster has, and which of them are units of this application.
name=${UNIT/\//-}
own_url=https://$ADDRESS:$OPT_PEER_PORT

other_units() { # prints "MEMBER ADDRESS" of each
  local index member address
  for ((index = 0; index < REL_CLUSTER_UNITS; index++)); do
    member=REL_CLUSTER_${index}_MEMBER address=REL_CLUSTER_${index}_ADDRESS
    echo "${!member} ${!address}"
  done
}

member_of() { # member_of PEER-URL: the name of the unit that is to be found there
  local member address
  [ "$1" != "$own_url" ] || { echo "$name"; return; }
  while read -r member address; do
    [ "$1" != "https://$address:$OPT_PEER_PORT" ] || echo "$member"
  done < <(other_units)
}

ask_others() {
  endpoints=$(other_units | awk -v port="$OPT_PORT" '{ print "https://" $2 ":" port }' | paste -sd,) etcd "$@"
}

# Prints "ID PEER-URL CLIENT-URL" of each member; one that was never started has no client's URL.
members() { "${1:-etcd}" member list | awk -F', ' '{ print $1, $4, $5 }'; }

# Whether etcd runs on another unit's host. One that does not answer at all may have the cluster: then none is begun.
others_run() {
  local address said
  while read -r _ address; do
    if said=$(LC_ALL=C timeout 10 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$address" "$OPT_PORT" 2>&1); then return 0; fi
    [[ $said != *'Connection refused'* ]] || continue
    echo "cannot tell whether $address has the cluster already: it does not answer. Mend it, or take its unit away" >&2
    exit 1
  done < <(other_units)
  return 1
}

# in_the_way <MEMBERS: prints those of hosts that are no unit's any more, and this unit where its data is gone.
in_the_way() {
  local id peer client
  while read -r id peer client; do
    if [ "$peer" = "$own_url" ]; then
      [ -z "$client" ] || echo "$id $peer"
    elif [ -z "$(member_of "$peer")" ]; then
      echo "$id $peer"
    fi
  done
}

try_to_join() {
  local now id peer
  now=$(members ask_others) || return
  while read -r id peer; do
    echo "the member at $peer is no more"
    ask_others member remove "$id" || return
  done < <(in_the_way <<<"$now")
  now=$(members ask_others) || return
  if ! awk '{ print $2 }' <<<"$now" | grep -qxF "$own_url"; then
    ask_others member add "$name" --peer-urls="$own_url" >/dev/null || return
    now=$(members ask_others) || return
  fi
  initial=$(while read -r _ peer _; do echo "$(member_of "$peer")=$peer"; done <<<"$now" | sort | paste -sd,)
}

# Sets `initial` to the members, of which this unit is one. The others may not be up yet; and they take one at a time, once
# the one before is at work.
join() {
  local said before=''
  until try_to_join >join.log 2>&1; do
    said=$(tail -n 1 join.log)
    [ "$said" = "$before" ] || echo "${said:-the others do not answer yet}"
    before=$said
    sleep 1
  done
  cat join.log
}
