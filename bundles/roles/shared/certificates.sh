# shellcheck shell=bash
# Sourced by the roles that have certificates. Keys are made on the node and stay there.
#
#   pki=/etc/kubernetes/pki           the folder: NAME.key, NAME.crt, ca.crt, and NAME.asked (what NAME.crt was asked for)
#   request NAME USAGE SUBJECT SANS   publishes a request, unless there is a certificate that holds long enough
#   end_requests                      ends what is published
#   take_certificates                 puts what was answered in its place; sets `renewed` to the names

# needs_certificate NAME ASKED
needs_certificate() {
  [ -s "$pki/$1.crt" ] || return 0
  [ "$(cat "$pki/$1.asked" 2>/dev/null)" = "$2" ] || return 0
  ! openssl x509 -in "$pki/$1.crt" -noout -checkend $((OPT_RENEW_DAYS * 86400)) >/dev/null
}

# holds NAME: its certificate is of the present authority, and does not run out soon.
holds() {
  openssl verify -no_check_time -CAfile "$pki/ca.crt" "$pki/$1.crt" >/dev/null 2>&1 &&
    openssl x509 -in "$pki/$1.crt" -noout -checkend $((OPT_RENEW_DAYS * 86400)) >/dev/null
}

begin_requests() {
  install -d -m 0755 "$pki"
  echo 'requests<<MUSTER_END' >>"$MUSTER_OUTPUT"
}

# sign_request KEY ARGUMENT…: prints a request; the key is made where there is none.
sign_request() {
  local key=$1
  shift
  if [ -s "$key" ]; then
    openssl req -new -sha256 -key "$key" "$@"
    return
  fi
  (
    umask 077
    openssl req -new -sha256 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$key.new" "$@" 2>/dev/null
  )
  mv "$key.new" "$key"
}

request() {
  local name=$1 usage=$2 subject=$3 names=${4:-} asked="$2 $3 ${4:-}"
  if ! needs_certificate "$name" "$asked"; then
    echo "$name holds until $(openssl x509 -in "$pki/$name.crt" -noout -enddate | cut -d= -f2)"
    return 0
  fi
  echo "$asked" >"$pki/$name.asking"
  {
    echo "request $name $usage"
    sign_request "$pki/$name.key" -subj "$subject" ${names:+-addext "subjectAltName=$names"}
  } >>"$MUSTER_OUTPUT"
  echo "asking for $name: $subject${names:+, $names}"
}

end_requests() { echo MUSTER_END >>"$MUSTER_OUTPUT"; }

take_certificates() {
  local line name='' ca=${REL_CERTIFICATES_0_CA:-}
  renewed=''
  [ -n "$ca" ] || { echo 'there is no certificate authority: relate "certificates" to one, such as easyrsa:client' >&2; exit 78; }
  write_certificate ca.crt <<<"$ca"
  while IFS= read -r line; do
    case $line in
      'certificate '*)
        name=${line#certificate }
        [[ $name =~ ^[a-z0-9-]+$ ]] || { echo "what was answered has the name \"$name\"" >&2; exit 1; }
        : >"$pki/$name.new"
        ;;
      *) [ -z "$name" ] || echo "$line" >>"$pki/$name.new" ;;
    esac
    [ "$line" = '-----END CERTIFICATE-----' ] || continue
    # Whether it is in time is for those who are shown it: clocks of nodes may differ.
    openssl verify -no_check_time -CAfile "$pki/ca.crt" "$pki/$name.new" >/dev/null
    # An earlier request may have been signed once more. What was not asked for anew is not taken: it would restart whoever
    # uses it.
    if [ ! -e "$pki/$name.asking" ] && holds "$name"; then rm "$pki/$name.new"; else
      mv "$pki/$name.new" "$pki/$name.crt"
      [ ! -e "$pki/$name.asking" ] || mv "$pki/$name.asking" "$pki/$name.asked"
      renewed+=" $name"
    fi
    name=''
  done <<<"${REL_CERTIFICATES_0_CERTIFICATE:-}"
  check_authority
}

# What another authority has signed is of no use: it goes, and is asked for the next time.
check_authority() {
  local certificate stale=''
  for certificate in "$pki"/*.crt; do
    openssl verify -no_check_time -CAfile "$pki/ca.crt" "$certificate" >/dev/null 2>&1 || stale+=" $certificate"
  done
  [ -n "$stale" ] || return 0
  # shellcheck disable=SC2086 # a list of files
  rm -f $stale
  echo "the authority is another one:$stale must be signed again; apply the deployment once more" >&2
  exit 1
}

write_certificate() {
  cat >"$pki/$1.new"
  if cmp -s "$pki/$1.new" "$pki/$1"; then rm "$pki/$1.new"; else mv "$pki/$1.new" "$pki/$1"; renewed+=" $1"; fi
}
