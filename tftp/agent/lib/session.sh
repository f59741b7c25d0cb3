# shellcheck shell=dash
# The session: the nonce of this boot is exchanged, once, for a token; the token opens everything else.

TOKEN_FILE=/run/muster/authorization
STATUS=''

# One HTTPS call; sets STATUS (000: no answer) and RETRY_AFTER (seconds; empty: not said) and leaves the reply in /run/muster/reply.
# call SECONDS METHOD PATH [curl options]
call() {
  seconds=$1 method=$2 path=$3
  shift 3
  set -- --request "$method" "$@"
  # The token goes by file: an argument could be read by every process here.
  [ -e "$TOKEN_FILE" ] && set -- --header "@$TOKEN_FILE" "$@"
  RETRY_AFTER=''
  STATUS=$(curl -sS --cacert "$CA_FILE" --proto =https --connect-timeout 10 --max-time "$seconds" \
    -o /run/muster/reply -w '%{http_code} %header{retry-after}' "$@" "$MUSTER_AGENT$path" 2> /run/muster/curl.error) || STATUS=000
  case $STATUS in
    *' '*) RETRY_AFTER=${STATUS#* } STATUS=${STATUS%% *} ;;
  esac
}

call_problem() {
  if [ "$STATUS" = 000 ]; then read_file problem /run/muster/curl.error; else problem="HTTP status $STATUS"; fi
  echo "$problem"
}

open_session() {
  session_request > /run/muster/session.json
  try=0
  while :; do
    call 30 POST /agent/v1/session --header 'Content-Type: application/json' --data-binary @/run/muster/session.json
    case $STATUS in
      20?) break ;;
      400 | 401 | 403 | 404 | 422) refused ;;
    esac
    try=$((try + 1))
    say "cannot open a session at $MUSTER_AGENT: $(call_problem); trying again"
    back_off "$try"
  done
  (umask 077 && jq -r '.token, (.waitSeconds | floor), .machine.name' /run/muster/reply > /run/muster/opened)
  {
    read -r token
    read -r WAIT_SECONDS
    read -r machine_name
  } < /run/muster/opened
  (umask 077 && echo "Authorization: Bearer $token" > "$TOKEN_FILE")
  unset token
  say "session open as $machine_name"
  rm -f /run/muster/session.json /run/muster/opened
}

# The nonce of a boot is good once. A new boot gets a new one.
refused() {
  say "muster refused this boot (status $STATUS: $(head -c 300 /run/muster/reply | tr '\n' ' ')); restarting in 20 seconds"
  sleep 20
  reboot -f
}

session_request() {
  macs=''
  for nic in /sys/class/net/*; do
    [ -e "$nic/device" ] || continue
    read_file mac "$nic/address"
    macs="$macs $mac"
  done
  read_file uuid /sys/class/dmi/id/product_uuid
  jq -n --arg nonce "$MUSTER_NONCE" --arg uuid "$uuid" --arg macs "$macs" --arg boot "$BOOT_MAC" \
    --arg architecture "$(architecture)" --arg firmware "$(firmware_mode)" --arg version "$MUSTER_VERSION" '{
      nonce: $nonce, uuid: (if $uuid == "" then null else $uuid | ascii_downcase end),
      macs: ($macs | split(" ") | map(select(. != ""))), bootMac: $boot,
      architecture: $architecture, firmware: $firmware, agentVersion: $version[0:64]}'
}
