# shellcheck shell=dash
# Downloads: every byte goes through a hash on its way, a broken connection is taken up where it broke.

# How long a download may make no progress at all before the order fails, in seconds.
STALL_SECONDS=900

# Writes the whole of URL to standard output, however often the connection breaks. fetch_stream URL BYTES
# Returns 1 with the reason in $ORDER/fetch.reason.
fetch_stream() {
  url=$1 total=$2
  offset=0 try=0
  set --
  case $url in https:*) set -- --cacert /run/muster/ca.pem ;; esac
  read -r last_gain _ < /proc/uptime
  while [ "$offset" -lt "$total" ]; do
    # -C makes curl refuse a server that cannot begin in the middle, instead of writing the beginning again. It is
    # told the size by the write-out, on standard error: what matters is how much went into the pipe.
    report=$({ curl -s --fail -L -C "$offset" --connect-timeout 10 --speed-limit 1 --speed-time 30 "$@" \
      -w '%{stderr}%{size_download} %{http_code}' "$url" >&3; } 2>&1)
    code=$?
    gained=${report%% *}
    status=${report##* }
    [ "${gained:-0}" -ge 0 ] 2> /dev/null || gained=0
    [ "$code" = 22 ] && gained=0
    offset=$((offset + gained))
    [ "$code" = 23 ] && return 1
    read -r now _ < /proc/uptime
    if [ "$gained" -gt 0 ]; then
      last_gain=$now
      try=0
    fi
    [ "$code" = 0 ] && break
    try=$((try + 1))
    echo "download broke off at $offset of $total bytes (curl $code, HTTP $status); going on" >&2
    case $status in
      404 | 410 | 403)
        if [ "$try" -ge 5 ]; then
          echo "$url: HTTP status $status" > "$ORDER/fetch.reason"
          return 1
        fi
        ;;
    esac
    if [ $((${now%.*} - ${last_gain%.*})) -gt "$STALL_SECONDS" ]; then
      echo "$url: no byte for $STALL_SECONDS seconds, at $offset of $total (curl $code)" > "$ORDER/fetch.reason"
      return 1
    fi
    back_off "$try"
  done 3>&1
  if [ "$offset" -ne "$total" ]; then
    echo "$url: $offset bytes came, $total were announced" > "$ORDER/fetch.reason"
    [ "$offset" -lt "$total" ] && return 1
  fi
  return 0
}

# Fetches the image of the order through a command, checking its hash on the way. The command's own end counts only
# when every byte was right. Ends the order on failure, after calling undo_write.
#   fetch_image COMMAND FROM-PERCENT TO-PERCENT
fetch_image() {
  consumer=$1 from=$2 to=$3
  image_url=$(parameter image_url)
  image_bytes=$(parameter image_sizeBytes)
  image_sha256=$(parameter image_sha256)
  rm -f "$ORDER"/fetch.* "$ORDER"/consumer.code "$ORDER"/hash
  mkfifo "$ORDER/hash.pipe"
  sha256sum < "$ORDER/hash.pipe" > "$ORDER/hash" &
  hash_pid=$!
  {
    fetch_stream "$image_url" "$image_bytes" 2>> "$ORDER/log"
    echo $? > "$ORDER/fetch.code"
  } | {
    tee "$ORDER/hash.pipe"
  } | {
    "$consumer" 2> "$ORDER/consumer.error"
    echo $? > "$ORDER/consumer.code"
    # A consumer that gave up must not keep the rest from the hash: a wrong image has to be called one.
    cat > /dev/null
  } &
  pipe_pid=$!
  watch_download
  wait "$pipe_pid"
  wait "$hash_pid"
  rm -f "$ORDER/hash.pipe"
  judge_download
}

# Reports how much has gone through tee, from the kernel's own count.
watch_download() {
  tee_pid=''
  while kill -0 "$pipe_pid" 2> /dev/null; do
    usleep 500000
    [ -n "$tee_pid" ] || tee_pid=$(pgrep_tee) || continue
    done_bytes=$(sed -n 's/^rchar: //p' "/proc/$tee_pid/io" 2> /dev/null)
    [ -n "$done_bytes" ] || continue
    share=$((done_bytes > image_bytes ? 100 : done_bytes * 100 / image_bytes))
    percent=$((from + (to - from) * share / 100))
    [ "$percent" = "${told_percent:-}" ] && continue
    told_percent=$percent
    progress "$percent" "writing: $((done_bytes / 1048576)) of $((image_bytes / 1048576)) MiB" > /dev/null
  done
}

pgrep_tee() {
  for process in /proc/[0-9]*; do
    if [ -r "$process/cmdline" ] && tr '\0' ' ' < "$process/cmdline" 2> /dev/null | grep -q "^/usr/bin/tee $ORDER/hash.pipe"; then
      echo "${process#/proc/}"
      return 0
    fi
  done
  return 1
}

judge_download() {
  read_file fetch_code "$ORDER/fetch.code"
  read_file consumer_code "$ORDER/consumer.code"
  read_file hash "$ORDER/hash"
  hash=${hash%% *}
  if [ "$fetch_code" != 0 ]; then
    read_file reason "$ORDER/fetch.reason"
    undo_write
    fail_transient "cannot fetch the image: ${reason:-the download ended early}"
  fi
  if [ "$hash" != "$image_sha256" ]; then
    undo_write
    fail_permanent "wrong checksum: $image_url has sha256 $hash, the order says $image_sha256; what was written has been made unusable"
  fi
  if [ "$consumer_code" != 0 ]; then
    undo_write
    fail_permanent "cannot unpack the image (its checksum is right): $(tail -n 3 "$ORDER/consumer.error" | tr '\n' ' ')"
  fi
}

# A filter for the image's compression.
decompress() {
  case $(parameter image_compression) in
    zstd) zstd -dc ;;
    gzip) gzip -dc ;;
    *) cat ;;
  esac
}
