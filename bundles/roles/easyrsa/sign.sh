#!/bin/bash
# Signs the requests of every related unit. A unit's `requests` are blocks of a line `request NAME USAGE` and a PEM request.
set -euo pipefail

directory=${MUSTER_AUTHORITY_DIRECTORY:-/etc/muster/authority}
umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[[ $OPT_CERTIFICATE_SECONDS =~ ^[0-9]+$ ]] || { echo "cannot sign for \"$OPT_CERTIFICATE_SECONDS\" seconds" >&2; exit 78; }

refuse() { echo "cannot sign \"$name\" of $unit: $*" >&2; exit 78; }

# The names in a request's text, in the form an extension is written in; nothing else of what it asks for is taken over.
names_of() {
  awk '/X509v3 Subject Alternative Name/ {getline; print}' <<<"$1" | sed 's/IP Address:/IP:/g; s/[[:space:]]//g'
}

# sign NAME USAGE FILE: prints the certificate.
sign() {
  local name=$1 usage=$2 file=$3 text subject names purposes
  # One program for all that is asked of a request: starting one takes a second on an emulated machine.
  text=$(openssl req -in "$file" -noout -verify -subject -nameopt RFC2253 -text 2>/dev/null) || refuse 'its signature is wrong'
  # The last line alone: a name in the request may hold a line that looks like a subject.
  subject=${text##*$'\n'}
  [[ $subject == subject=* ]] || refuse 'its subject cannot be read'
  if [[ $subject == *O=system:masters* && " $OPT_MASTERS " != *" $application "* ]]; then
    refuse "only $OPT_MASTERS may have administrators of Kubernetes; see the option masters"
  fi
  case $usage in
    client) purposes=clientAuth ;;
    server) purposes=serverAuth ;;
    peer) purposes=serverAuth,clientAuth ;;
    *) refuse "there is no usage \"$usage\"" ;;
  esac
  names=$(names_of "$text")
  [[ $names =~ ^[A-Za-z0-9.:,*_-]*$ ]] || refuse "it has names such as \"$names\""
  {
    echo 'basicConstraints=critical,CA:FALSE'
    echo 'keyUsage=critical,digitalSignature,keyEncipherment'
    echo "extendedKeyUsage=$purposes"
    [ -z "$names" ] || echo "subjectAltName=$names"
  } >"$work/extensions"
  # x509 counts in days; ca takes an end. A minute back, for clocks that are behind.
  openssl ca -batch -notext -config "$work/ca.conf" -in "$file" -extfile "$work/extensions" -md sha256 -preserveDN \
    -startdate "$(date -u -d '-1 minute' +%Y%m%d%H%M%SZ)" \
    -enddate "$(date -u -d "+$OPT_CERTIFICATE_SECONDS seconds" +%Y%m%d%H%M%SZ)" 2>"$work/errors" ||
    refuse "$(tail -n 3 "$work/errors" | tr '\n' ' ')"
  echo "signed $name for $unit: $subject" >&2
}

touch "$work/index.txt"
cat >"$work/ca.conf" <<CONF
[ca]
default_ca = authority
[authority]
dir = $work
new_certs_dir = $work
database = $work/index.txt
certificate = $directory/ca.crt
private_key = $directory/ca.key
rand_serial = yes
unique_subject = no
policy = any
[any]
organizationName = optional
commonName = supplied
CONF

# answer REQUESTS: prints blocks of a line `certificate NAME` and the PEM certificate.
answer() {
  local line name='' usage=''
  while IFS= read -r line; do
    case $line in
      'request '*)
        read -r _ name usage <<<"$line"
        [[ $name =~ ^[a-z0-9-]+$ ]] || refuse 'that is no name'
        : >"$work/request"
        ;;
      *) echo "$line" >>"$work/request" ;;
    esac
    if [ "$line" = '-----END CERTIFICATE REQUEST-----' ]; then
      echo "certificate $name"
      sign "$name" "$usage" "$work/request"
    fi
  done <<<"$1"
}

for ((index = 0; index < REL_CLIENT_UNITS; index++)); do
  unit=REL_CLIENT_${index}_UNIT requests=REL_CLIENT_${index}_REQUESTS
  unit=${!unit} requests=${!requests:-} application=${unit%/*}
  {
    echo "certificate.$application.${unit##*/}<<MUSTER_END"
    answer "$requests"
    echo MUSTER_END
  } >"$work/answer"
  cat "$work/answer" >>"$MUSTER_OUTPUT"
done
