# shellcheck shell=dash
# The loop: ask for an order, carry it out in the background, tell how far it is, post its result. A server that is
# away is waited for; the order goes on meanwhile.

obey_orders() {
  try=0
  while :; do
    call $((WAIT_SECONDS + 20)) GET "/agent/v1/order?wait=$WAIT_SECONDS"
    case $STATUS in
      200)
        try=0
        (umask 077 && jq -r -f "$MUSTER_LIB/order.jq" /run/muster/reply > /run/muster/order)
        carry_out
        ;;
      204) try=0 ;;
      410)
        say "session over; powering off"
        poweroff -f
        ;;
      *)
        try=$((try + 1))
        say "cannot ask for an order: $(call_problem); trying again"
        back_off "$try"
        ;;
    esac
  done
}

# Reads /run/muster/order. An order that was already carried out (its result was posted, and the reply was lost)
# is not carried out twice: its result is posted again.
carry_out() {
  read -r _ order_id kind seconds < /run/muster/order
  ORDER=/run/muster/orders/$(echo "$order_id" | tr -cd 'A-Za-z0-9_-')
  sent=0
  if [ ! -e "$ORDER/result" ]; then
    mkdir -p "$ORDER"
    chmod 0700 "$ORDER"
    mv /run/muster/order "$ORDER/order"
    : > "$ORDER/log"
    say "order $kind"
    start_order
    follow_order
  fi
  post_result
  after_order
}

# The order runs as a session of its own, so that a time-out ends all of its programs.
start_order() {
  export ORDER kind BOOT_NIC BOOT_MAC MUSTER_BOOT MUSTER_AGENT
  setsid sh -c '. /usr/lib/muster/order-process.sh' > "$ORDER/log" 2>&1 < /dev/null &
  order_pid=$!
  read -r started _ < /proc/uptime
  deadline=$((${started%.*} + seconds))
}

follow_order() {
  sent=0
  reported=''
  next_report=0
  next_sign=$((${started%.*} + 20))
  while kill -0 "$order_pid" 2> /dev/null; do
    read -r now _ < /proc/uptime
    now=${now%.*}
    if [ "$now" -ge "$deadline" ]; then
      kill -9 "-$order_pid" 2> /dev/null
      echo "ended: the order took longer than $seconds seconds" >> "$ORDER/log"
      jq -n --arg error "the order took longer than $seconds seconds" '{ok: false, error: $error, failure: "transient"}' > "$ORDER/result"
      break
    fi
    if [ "$now" -ge "$next_report" ]; then
      send_log
      send_progress
      next_report=$((now + 2))
    fi
    usleep 100000
  done
  wait "$order_pid" 2> /dev/null
  # An order that ended without a word was killed, or met an error nobody foresaw: its log says which.
  [ -s "$ORDER/result" ] || jq -n --arg tail "$(tail -n 5 "$ORDER/log")" \
    '{ok: false, error: ("the order ended without a result: " + $tail)[0:4000], failure: "transient"}' > "$ORDER/result"
}

# Sends what the log has grown by since the last time. Offsets make repeats harmless.
send_log() {
  while size=$(stat -c %s "$ORDER/log") && [ "$size" -gt "$sent" ]; do
    tail -c "+$((sent + 1))" "$ORDER/log" | head -c 65536 > /run/muster/log.part
    length=$(stat -c %s /run/muster/log.part)
    call 15 POST "/agent/v1/orders/$order_id/log?offset=$sent" --header 'Content-Type: text/plain' --data-binary @/run/muster/log.part
    case $STATUS in
      20?) sent=$((sent + length)) ;;
      000 | 5?? | 429) return 1 ;;
      # The server does not want it; it is no reason to stop the order.
      *) sent=$((sent + length)) ;;
    esac
  done
}

# What is new, and every 20 seconds what is not: an agent that says nothing for 90 seconds counts as gone.
send_progress() {
  read_file progress "$ORDER/progress"
  [ "$progress" = "$reported" ] && [ "$now" -lt "$next_sign" ] && return
  next_sign=$((now + 20))
  sign=$progress
  [ -n "$sign" ] || sign='{"percent": 0, "message": "begun"}'
  call 15 POST "/agent/v1/orders/$order_id/progress" --header 'Content-Type: application/json' --data-binary "$sign"
  case $STATUS in 20?) reported=$progress ;; esac
}

post_result() {
  try=0
  while :; do
    send_log
    call 30 POST "/agent/v1/orders/$order_id/result" --header 'Content-Type: application/json' --data-binary "@$ORDER/result"
    case $STATUS in
      20?) break ;;
      # The server knows no such order any more; saying it again will not help.
      400 | 401 | 403 | 404 | 409 | 410 | 422)
        say "result of $kind not taken: $(call_problem)"
        break
        ;;
    esac
    try=$((try + 1))
    say "cannot post the result of $kind: $(call_problem); trying again"
    back_off "$try"
  done
  if grep -q '^{"ok": *true' "$ORDER/result"; then outcome=ok; else outcome=$(jq -r .error "$ORDER/result"); fi
  say "order $kind done: $outcome"
}

# What may happen only after the result is safe with the server.
after_order() {
  [ -e "$ORDER/then" ] || return 0
  read_file then_do "$ORDER/then"
  case $then_do in
    reboot)
      say "restarting"
      sync
      reboot -f
      ;;
    power-off)
      say "powering off"
      sync
      poweroff -f
      ;;
    ram) switch_to_ram ;;
  esac
}
