#!/bin/bash
# The authority's own certificate is not renewed by itself: whoever trusts it would have to be told.
set -euo pipefail

certificate=${MUSTER_AUTHORITY_DIRECTORY:-/etc/muster/authority}/ca.crt
openssl x509 -in "$certificate" -noout -checkend $((30 * 86400)) || {
  echo "the authority itself runs out within 30 days: $(openssl x509 -in "$certificate" -noout -enddate)" >&2
  exit 1
}
