# shellcheck shell=bash
# Sourced, after etcd-client.sh: which members the cluster has, and which of them are units of this application.
name=${UNIT/\//-}
own_url=https://$ADDRESS:$OPT_PEER_PORT
data=/var/lib/etcd/muster

# etcd writes its log once it is a member; the folders are there before.
has_data() { compgen -G "$data/member/wal/*.wal" >/dev/null; }

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

# members COMMAND: prints "ID PEER-URL VOTES CLIENT-URL" of each; one that was never started has no client's URL.
members() { "$1" member list | awk -F', ' '{ print $1, $4, ($6 == "true" ? "no" : "yes"), $5 }'; }

id_of() { awk -v url="$1" '$2 == url { print $1 }'; } # id_of PEER-URL <MEMBERS

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

# let_go COMMAND <MEMBERS: takes those of hosts that are no unit's any more out of the cluster. Fails if there was one.
let_go() {
  local id peer found=0
  while read -r id peer _; do
    [ -z "$(member_of "$peer")" ] || continue
    found=1
    echo "the member at $peer is of no unit any more"
    "$1" member remove "$id" || true
  done
  return "$found"
}

try_to_join() {
  local now id peer client
  now=$(members ask_others) || return
  # A list that was changed may be an old one the next moment, where another member answers.
  let_go ask_others <<<"$now" || return
  read -r id _ _ client <<<"$(awk -v url="$own_url" '$2 == url' <<<"$now")"
  if [ -n "$client" ]; then
    echo "this member's data is gone"
    ask_others member remove "$id" || true
    return 1
  fi
  if [ -z "$id" ]; then
    # Without a vote until it is at work: one that cannot start keeps nobody from writing.
    ask_others member add "$name" --learner --peer-urls="$own_url" >/dev/null
    return 1
  fi
  initial=$(while read -r _ peer _; do echo "$(member_of "$peer")=$peer"; done <<<"$now" | sort | paste -sd,)
}

# patiently COMMAND: again each second until it succeeds, telling once what it waits for.
patiently() {
  local said before=''
  until "$1" >waiting.log 2>&1; do
    said=$(tail -n 1 waiting.log)
    [ "$said" = "$before" ] || echo "${said:-the others do not answer yet}"
    before=$said
    sleep 1
  done
}

# Sets `initial` to the members, of which this unit is one. The others may not be up yet; and they take one at a time.
join() { patiently try_to_join; }

has_vote() {
  local now id votes
  now=$(members ask_others) || return
  read -r id _ votes _ <<<"$(awk -v url="$own_url" '$2 == url' <<<"$now")"
  [ "$votes" != no ] || ask_others member promote "$id"
}
