/** What a script finds on its PATH, by name: POSIX sh. They speak to the runner through files in the step's folder. */
export const SCRIPT_TOOLS: Readonly<Record<string, string>> = {
  'muster-progress': String.raw`#!/bin/sh
# muster-progress PERCENT [TEXT]: marks progress of the step that calls it
[ -n "$MUSTER_STEP_DIR" ] || { echo "muster-progress: not in a step" >&2; exit 1; }
cd "$MUSTER_STEP_DIR" || exit 1
number=$(cut -d' ' -f1 progress 2>/dev/null)
percent=$1
[ $# -gt 0 ] && shift
printf '%s %s %s\n' "$((number + 1))" "$percent" "$(echo "$*" | tr '\n' ' ')" >progress.$$ && mv -f progress.$$ progress
`,
  'muster-publish': String.raw`#!/bin/sh
# muster-publish [--secret] NAME [VALUE]: publishes a value, whatever is in it; without VALUE, standard input as it is
secret=
[ "$1" = --secret ] && secret='secret ' && shift
[ -n "$MUSTER_OUTPUT" ] && [ $# -ge 1 ] || { echo "usage, in a step: muster-publish [--secret] NAME [VALUE]" >&2; exit 2; }
# A line that nobody can have foreseen ends the value.
mark=END-$(head -c 16 /dev/urandom | od -A n -t x1 | tr -d ' \n')
{
  printf '%s%s<<%s\n' "$secret" "$1" "$mark"
  if [ $# -ge 2 ]; then printf '%s' "$2"; else cat; fi
  printf '\n%s\n' "$mark"
} >>"$MUSTER_OUTPUT"
`,
  'muster-reboot': String.raw`#!/bin/sh
# muster-reboot: when the step that calls it has ended, the node is rebooted and the step is run again
[ -n "$MUSTER_STEP_DIR" ] || { echo "muster-reboot: not in a step" >&2; exit 1; }
: >"$MUSTER_STEP_DIR/reboot"
`,
  'muster-unchanged': String.raw`#!/bin/sh
# muster-unchanged: the step that calls it found everything as it is wanted, and changed nothing
[ -n "$MUSTER_STEP_DIR" ] || { echo "muster-unchanged: not in a step" >&2; exit 1; }
: >"$MUSTER_STEP_DIR/unchanged"
`,
};
