# shellcheck shell=dash
# Trust: muster's CA certificate comes over plain HTTP and is worth nothing until its hash equals the one on the
# kernel command line. From then on only HTTPS with that CA is spoken.

CA_FILE=/run/muster/ca.pem

fetch_certificate() {
  try=0
  until fetch_certificate_once; do
    try=$((try + 1))
    back_off "$try"
  done
}

fetch_certificate_once() {
  if ! curl -sS --fail --max-time 20 -D /run/muster/ca.head -o /run/muster/ca.got "$MUSTER_BOOT/boot/ca.pem" 2> /run/muster/ca.error; then
    read_file reason /run/muster/ca.error
    say "cannot fetch $MUSTER_BOOT/boot/ca.pem: $reason"
    return 1
  fi
  # The first certificate alone: the hash speaks of no other.
  sed -n '/^-----BEGIN CERTIFICATE-----/,/^-----END CERTIFICATE-----/p; /^-----END CERTIFICATE-----/q' /run/muster/ca.got > "$CA_FILE"
  hash=$(grep -v '^-----' "$CA_FILE" | base64 -d | sha256sum)
  if [ "${hash%% *}" != "$MUSTER_CA" ]; then
    say "cannot trust the certificate of $MUSTER_BOOT: its hash is ${hash%% *}, not $MUSTER_CA; another server may have answered"
    rm -f "$CA_FILE"
    return 1
  fi
  set_clock
}

# A certificate is checked against the clock, and many machines wake up in the year 2000. The header is no proof of
# the time, only good enough for a clock that is off by more than a day.
set_clock() {
  told=$(sed -n 's/^[Dd]ate: [A-Za-z]*, \(.*\) GMT.*$/\1/p' /run/muster/ca.head | tr -d '\r')
  told=$(date -u -D '%d %b %Y %H:%M:%S' -d "$told" +%s 2> /dev/null) || return 0
  difference=$(($(date +%s) - told))
  [ "${difference#-}" -gt 86400 ] || return 0
  date -u -s "@$told" > /dev/null
  say "the clock was off by $difference seconds; set to $(date -u)"
}
