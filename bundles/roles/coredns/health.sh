#!/bin/bash
# Asks for the one name that every cluster has, by a query written out: no resolver's tools are needed.
set -euo pipefail
. ./kubernetes.sh

# RFC 1035 section 4.1: identifier, flags (recursion desired), one question; type A, class IN.
query() {
  local label packet='\x6d\x75\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00' name=kubernetes.default.svc.$OPT_DOMAIN
  for label in ${name//./ }; do packet+=$(printf '\\x%02x%s' "${#label}" "$label"); done
  exec 3<>"/dev/udp/$ADDRESS/53"
  # In one datagram: bash itself would write what is before a byte 10 as one of its own.
  printf "$packet"'\x00\x00\x01\x00\x01' >query
  cat query >&3
  timeout 3 dd bs=512 count=1 <&3 2>/dev/null | od -An -tx1 | tr -d ' \n'
}
# Answers: the low four bits of the fourth byte are the response code, the seventh and eighth byte count the answers.
answers() {
  local answer
  answer=$(query)
  [[ ${answer:0:4} == 6d75 && ${answer:7:1} == 0 && ${answer:12:4} != 0000 ]]
}
until_true 60 "CoreDNS knows kubernetes.default.svc.$OPT_DOMAIN" answers
echo "CoreDNS knows kubernetes.default.svc.$OPT_DOMAIN"
