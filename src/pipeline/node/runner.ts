import { createHash } from 'node:crypto';
import { SCRIPT_TOOLS } from './script-tools.js';

/**
 * The program that runs steps on a node: POSIX sh, with what Debian's and Ubuntu's essential packages have (flock and
 * setsid of util-linux, coreutils, tar). Called as `OPERATION EXECUTION FENCE [ARGUMENT…]`; it takes the lock of the
 * execution, refuses a fence lower than the recorded one, records the fence, and only then does or answers anything.
 *
 * The journal of an execution is the folder /var/lib/muster/steps/EXECUTION:
 *   lock       flock: one operation at a time        fence      the highest fence seen
 *   alive      flock: held while the step runs       boot_id    the boot it was started under
 *   try        which start this is, from 1           step       the step's id
 *   script     what is run                           input.json its input (0600), removed at the end
 *   log        its output, up to LOG_BYTES           value-N    long values of the environment, removed at the end
 *   log.beyond how much more came                    output     what it published
 *   progress   "number percent text"                 unchanged  the script says that it changed nothing
 *   exit       exit code; written last
 *
 * A log that grows over its bound keeps its beginning and, once the script has ended, its last 64 KiB; the parts between
 * pass through files of a few MiB, so that no script fills the disk by talking.
 *
 * A script runs in a session of its own. When it has ended, what is left of that session is ended too: a step that says
 * "done" is done. What gave itself another session is a daemon and lives on, as does what systemd started. A script that
 * is made to stop (cancelled, stalled, timed out) is stopped with its daemons: they carry its mark in the environment.
 *
 * Operations: status OFFSET | start TRY STEP LOG_BYTES OFFSET WAIT (seconds; journal files as tar on stdin) |
 *   check (journal files) | cancel | reboot |
 *   artifact look|put|settle SHA256 NAME [OFFSET] (bytes on stdin): /var/lib/muster/artifacts/SHA256/NAME.
 * Exit code 92: fence refused; 91: another operation holds the lock; 96: another offset than the file's size.
 */
const PROGRAM = String.raw`#!/bin/sh
umask 077
operation=$1 execution=$2 fence=$3
[ -n "$MUSTER_ROOT" ] || MUSTER_ROOT=/var/lib/muster
export MUSTER_ROOT
dir=$MUSTER_ROOT/steps/$execution
self=$0

# Most steps are short, and many nodes may share a computer: what the shell can do itself starts no program.
here_boot() { # sets boot
  if [ -n "$MUSTER_BOOT_ID_FILE" ]; then read -r boot <"$MUSTER_BOOT_ID_FILE"; return; fi
  # A container keeps its host's boot_id when it restarts, but not the start time of its first process (proc(5), stat: 22).
  read -r boot </proc/sys/kernel/random/boot_id
  read -r fields </proc/1/stat
  started() { boot=$boot-@{20}; }
  started @{fields##*) }
}
here_boot

record() { # NAME VALUE, durable before it returns
  printf '%s\n' "$2" >"$dir/$1.new" && { sync "$dir/$1.new" 2>/dev/null || sync; } && mv -f "$dir/$1.new" "$dir/$1"
}

recall() { # NAME DEFAULT: sets recalled
  recalled=$2
  [ ! -f "$dir/$1" ] || read -r recalled <"$dir/$1" || :
}

is_alive() { ! flock -n "$dir/alive" true 2>/dev/null; }

find_state() { # sets state
  state=unknown
  [ -f "$dir/try" ] || return
  state=finished
  [ ! -f "$dir/exit" ] || return
  state=interrupted
  recall boot_id
  [ "$recalled" = "$boot" ] || return
  state=running
  is_alive && return
  # Its end may have come between the two looks.
  state=interrupted
  [ ! -f "$dir/exit" ] || state=finished
}

in_session() { # SESSION: the living processes of it (proc(5), stat: number, name, state, parent, group, session)
  sed -n 's/^\([0-9]*\) (.*) [^Z] [0-9-]* [0-9-]* '"$1"' .*/\1/p' /proc/[0-9]*/stat 2>/dev/null
  return 0 # sed minds files that are gone by the time it comes to them
}

members() { # EXECUTION: the processes of it, wherever they went
  session=$(cat "$MUSTER_ROOT/steps/$1/pgid" 2>/dev/null)
  grep -lzxF "MUSTER_EXECUTION=$1" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3
  [ -z "$session" ] || in_session "$session"
}

signal_all() { # SIGNAL PROCESS...
  what=$1
  shift
  [ $# -eq 0 ] || kill -s "$what" "$@" 2>/dev/null
}

kill_members() { # EXECUTION: until there are none, as they may be forking
  rounds=0
  while here=$(members "$1") && [ -n "$here" ] && [ "$rounds" -lt 20 ]; do
    signal_all KILL $here
    rounds=$((rounds + 1))
  done
}

stop_group() { # EXECUTION: TERM, up to five seconds, KILL
  where=$MUSTER_ROOT/steps/$1
  : >"$where/cancelled"
  signal_all TERM $(members "$1")
  count=0
  while ! flock -n "$where/alive" true 2>/dev/null; do
    sleep 0.1
    count=$((count + 1))
    [ "$count" -ge 50 ] && kill_members "$1"
    [ "$count" -ge 100 ] && return 1
  done
  kill_members "$1"
}

stop_other_executions() { # STEP: of the same step, where an operator began it anew
  for other in "$MUSTER_ROOT"/steps/*/step; do
    [ -f "$other" ] && read -r of <"$other" && [ "$of" = "$1" ] || continue
    name=@{other%/step} name=@{name##*/}
    [ "$name" = "$execution" ] && continue
    echo 2000000000 >"$MUSTER_ROOT/steps/$name/fence"
    stop_group "$name" || { echo "cannot stop execution $name" >&2; exit 93; }
  done
}

unpack() { # journal files and the step's own files, from a tar on stdin
  [ ! -d "$1/files" ] || rm -rf "$1/files" "$1/env" "$1/index" "$1"/value-*
  mkdir "$1/files"
  tar -x -f - -C "$1" || exit 94
  tab=$(printf '\t')
  [ -f "$1/index" ] && while IFS=$tab read -r file mode path; do
    case $path in /*) ;; *) path=$1/files/$path ;; esac
    mkdir -p "$(dirname "$path")" && mv -f "$1/$file" "$path.muster-new" && chmod "$mode" "$path.muster-new" &&
      mv -f "$path.muster-new" "$path" || exit 94
  done <"$1/index"
  chmod 700 "$1/script"
}

run_script() { # FOLDER FILE: replaces this shell
  [ -f "$1/env" ] && . "$1/env"
  export MUSTER_INPUT="$1/input.json" MUSTER_OUTPUT="$1/output" MUSTER_STEP_DIR="$1" MUSTER_EXECUTION="$execution"
  export PATH="$MUSTER_ROOT/bin:$PATH"
  umask 022
  cd "$1/files" || exit 94
  read -r first <"$1/$2" || :
  case $first in '#!'*) exec setsid "$1/$2" ;; *) exec setsid sh "$1/$2" ;; esac
}

write_tools() {
  [ -f "$MUSTER_ROOT/bin/.@{self##*/}" ] && return
  mkdir -p "$MUSTER_ROOT/bin"
  cd "$MUSTER_ROOT/bin" || exit 94
@TOOLS@
  chmod 755 . muster-*
  : >".@{self##*/}"
  cd /
}

answer() { # OFFSET: of the log; the log is left out without it
  find_state
  echo "state $state"
  recall try 0 && echo "try $recalled"
  echo "boot $boot"
  recall exit && echo "exit $recalled"
  [ -f "$dir/cancelled" ] && echo "cancelled yes"
  [ -f "$dir/reboot" ] && echo "reboot yes"
  [ -f "$dir/unchanged" ] && echo "unchanged yes"
  [ -f "$dir/progress" ] && recall progress && echo "progress $recalled"
  [ -s "$dir/output" ] && echo "output $(head -c 1048577 "$dir/output" | base64 -w 0)"
  [ -f "$dir/log.next" ] && recall log.beyond 0 && echo "beyond $recalled $(wc -c <"$dir/log.next" 2>/dev/null)"
  [ -s "$dir/log" ] || return 0
  [ "$state" = finished ] && echo "last $(tail -c 400 "$dir/log" | base64 -w 0)"
  [ -n "$1" ] && echo "size $(wc -c <"$dir/log")" &&
    echo "log $(tail -c "+$(($1 + 1))" "$dir/log" | head -c 262144 | base64 -w 0)"
  return 0
}

keep_log() { # LOG_BYTES: stores standard input as the log, as the heading says
  unbuffered=
  command -v stdbuf >/dev/null && unbuffered='stdbuf -o0'
  left=$(($1 - 131072)) count=0
  [ ! -s "$dir/log" ] || left=$(($1 - 131072 - $(wc -c <"$dir/log")))
  [ "$left" -le 0 ] || $unbuffered head -c "$left" >>"$dir/log"
  # An empty log says that nothing is left to be read, too.
  [ -s "$dir/log" ] || { rm -f "$dir/pipe"; return; }
  while $unbuffered head -c 4194304 >"$dir/log.next" && [ -s "$dir/log.next" ]; do
    [ "$count" -gt 0 ] || printf '\n[muster: the log is longer than %s KiB; its middle is not kept]\n' "$(($1 / 1024))" >>"$dir/log"
    count=$((count + 1))
    [ ! -f "$dir/log.last" ] || mv -f "$dir/log.last" "$dir/log.before"
    mv -f "$dir/log.next" "$dir/log.last"
    echo "$count" >"$dir/log.beyond"
  done
  [ "$count" -eq 0 ] || cat "$dir/log.before" "$dir/log.last" 2>/dev/null | tail -c 65536 >>"$dir/log"
  rm -f "$dir"/log.next "$dir"/log.last "$dir"/log.before "$dir"/log.beyond "$dir/pipe"
}

end_session() { # SESSION: of a script that has ended; TERM, up to five seconds, KILL. Says which it were.
  here=$(in_session "$1")
  [ -n "$here" ] || return
  names=$(for process in $here; do cat "/proc/$process/comm"; done 2>/dev/null | tr '\n' ' ' | sed 's/ $//')
  count=0
  [ -f "$dir/cancelled" ] || signal_all TERM $here
  while here=$(in_session "$1") && [ -n "$here" ] && [ "$count" -lt 100 ]; do
    if [ "$count" -ge 50 ] || [ -f "$dir/cancelled" ]; then signal_all KILL $here; fi
    sleep 0.1
    count=$((count + 1))
  done
  echo "$names"
}

wait_for_end_of() { # PIPE: a daemon may keep it open for ever, but what the script itself said is through at once
  count=0
  while [ -p "$1" ] && [ "$count" -lt 100 ]; do
    sleep 0.02
    count=$((count + 1))
  done
}

size_of() { if [ -f "$1" ]; then wc -c <"$1"; else echo 0; fi; }

sum_of() { sha256sum "$1" | cut -c1-64; }

stop_writer() { # one whose server is gone, or was superseded, may still hold the file open
  writer=$(cat "$part.pid" 2>/dev/null) count=0
  while [ -n "$writer" ] && [ "$(readlink "/proc/$writer/fd/1" 2>/dev/null)" = "$part" ]; do
    kill -KILL "$writer" 2>/dev/null
    count=$((count + 1))
    [ "$count" -ge 100 ] && { echo "process $writer does not end" >&2; exit 93; }
    sleep 0.05
  done
}

artifact() { # VERB SHA256 NAME [OFFSET]
  folder=$MUSTER_ROOT/artifacts/$2 file=$MUSTER_ROOT/artifacts/$2/$3
  part=$folder/.$execution.part
  mkdir -p "$folder" || exit 94
  touch "$folder"
  stop_writer
  case $1 in
  look)
    if [ -f "$file" ]; then [ "$(sum_of "$file")" = "$2" ] || rm -f "$file"; fi
    if [ -f "$file" ]; then rm -f "$part" "$part.pid"; echo 'artifact present'; else echo "artifact $(size_of "$part")"; fi
    ;;
  put)
    [ "$4" -eq 0 ] && : >"$part"
    if [ "$(size_of "$part")" -ne "$4" ]; then echo "the file has another size than $4" >&2; exit 96; fi
    echo $$ >"$part.pid"
    # From here on others may take the lock, and end this process.
    exec >>"$part" 9>&-
    exec cat
    ;;
  settle)
    if [ "$(sum_of "$part")" != "$2" ]; then rm -f "$part"; echo 'artifact damaged'; return; fi
    chmod 644 "$part"
    sync "$part" 2>/dev/null
    mv -f "$part" "$file" && rm -f "$part.pid" && echo 'artifact present'
    ;;
  esac
}

if [ "$operation" = supervise ]; then # EXECUTION FENCE LOG_BYTES; holds the lock of alive by descriptor 8
  recall try
  [ "$recalled" -gt 1 ] && echo "[muster: start $recalled]" >>"$dir/log"
  : >>"$dir/log"
  rm -f "$dir/pipe"
  mkfifo "$dir/pipe" || exit 94
  keep_log "$4" <"$dir/pipe" 8>&- &
  (run_script "$dir" script) >"$dir/pipe" 2>&1 </dev/null 8>&- &
  child=$!
  echo "$child" >"$dir/pgid"
  wait "$child"
  code=$?
  left=$(end_session "$child")
  wait_for_end_of "$dir/pipe"
  [ -z "$left" ] || echo "[muster: ended what the script had left running: $left]" >>"$dir/log"
  rm -f "$dir/input.json" "$dir/env" "$dir"/value-*
  [ -s "$dir/output" ] && sync "$dir/output" 2>/dev/null
  record exit "$code"
  exit 0
fi

mkdir -p "$dir" || exit 94
exec 9>"$dir/lock"
flock -w 20 9 || { echo "another operation is at work" >&2; exit 91; }
recall fence 0
if [ "$fence" -lt "$recalled" ]; then
  echo "fence $fence is refused: $recalled was here" >&2
  exit 92
fi
[ "$fence" -eq "$recalled" ] || record fence "$fence"

case $operation in
status) answer "$4" ;;
start)
  number=$4 step=$5 log_bytes=$6 offset=$7 wait=$8
  find_state
  recall try 0
  if [ "$state" = running ] || [ "$number" -le "$recalled" ]; then
    cat >/dev/null
    answer "$offset"
    exit 0
  fi
  [ "$state" = interrupted ] && kill_members "$execution"
  stop_other_executions "$step"
  write_tools
  # Old journals go now and then: looking at all of them takes longer than most steps.
  [ "$(($$ % 16))" -ne 0 ] ||
    find "$MUSTER_ROOT/steps" "$MUSTER_ROOT/artifacts" -mindepth 1 -maxdepth 1 -mtime +30 -exec rm -rf {} + 2>/dev/null
  unpack "$dir"
  [ "$recalled" -eq 0 ] ||
    rm -f "$dir"/exit "$dir"/pgid "$dir"/progress "$dir"/output "$dir"/cancelled "$dir"/reboot "$dir"/unchanged "$dir"/log.*
  echo "$step" >"$dir/step"
  record boot_id "$boot"
  record try "$number"
  exec 8>"$dir/alive"
  flock 8
  nohup setsid sh "$self" supervise "$execution" "$fence" "$log_bytes" </dev/null >/dev/null 2>&1 9>&- &
  exec 8>&-
  # Most steps are over by then, and are spared a second question; others may ask meanwhile.
  exec 9>&-
  flock -w "$wait" "$dir/alive" true
  answer "$offset"
  ;;
check)
  rm -rf "$dir/check.d"
  mkdir -p "$dir/check.d"
  unpack "$dir/check.d"
  mkfifo "$dir/check.d/pipe" || exit 94
  (tail -c 65536 <"$dir/check.d/pipe" >"$dir/check.log"; rm -f "$dir/check.d/pipe") 9>&- &
  (run_script "$dir/check.d" script) </dev/null 9>&- >"$dir/check.d/pipe" 2>&1 &
  child=$!
  setsid sh -c "sleep 60; kill -KILL -- -$child" >/dev/null 2>&1 9>&- &
  timer=$!
  wait "$child"
  code=$?
  kill -KILL -- "-$timer" 2>/dev/null
  signal_all KILL $(in_session "$child")
  wait_for_end_of "$dir/check.d/pipe"
  echo "check $code"
  [ -f "$dir/check.d/output" ] && echo "output $(head -c 1048577 "$dir/check.d/output" | base64 -w 0)"
  echo "log $(base64 -w 0 <"$dir/check.log")"
  rm -rf "$dir/check.d"
  ;;
cancel)
  [ -f "$dir/try" ] && { stop_group "$execution" || { echo "it does not end" >&2; exit 93; }; }
  rm -f "$dir/input.json" "$dir/env" "$dir"/value-*
  answer
  ;;
artifact) artifact "$4" "$5" "$6" "$7" ;;
reboot)
  [ -n "$MUSTER_REBOOT_COMMAND" ] || MUSTER_REBOOT_COMMAND='systemctl reboot || reboot'
  nohup setsid sh -c "sleep 1; $MUSTER_REBOOT_COMMAND" </dev/null >/dev/null 2>&1 9>&- &
  echo "boot $boot"
  ;;
*) echo "unknown operation $operation" >&2; exit 95 ;;
esac
`;

const TOOLS = Object.entries(SCRIPT_TOOLS)
  .map(([name, text]) => `  cat >${name} <<'TOOL'\n${text}TOOL`)
  .join('\n');
/** In the program `@{` stands for the shell's `${`, which would be the template's. */
const text = PROGRAM.replaceAll('@{', '${').replace('@TOOLS@', () => TOOLS);

/** The runner's text, and the name that it has on nodes: another text, another name. */
export const runner = {
  text,
  name: `step-runner-${createHash('sha256').update(text).digest('hex').slice(0, 12)}`,
} as const;
