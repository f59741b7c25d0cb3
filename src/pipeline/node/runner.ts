import { createHash } from 'node:crypto';
import { JOURNAL } from './runner/journal.js';
import { OPERATIONS } from './runner/operations.js';
import { PROCESSES } from './runner/processes.js';
import { SCRIPT } from './runner/script.js';
import { SCRIPT_TOOLS } from './script-tools.js';

const TOOLS = Object.entries(SCRIPT_TOOLS)
  .map(([name, text]) => `  '${name}' => <<'TOOL',\n${text}TOOL`)
  .join('\n');
const text = [JOURNAL, PROCESSES, SCRIPT, OPERATIONS].join('\n').replace('@TOOLS@', () => TOOLS);

/**
 * The program that runs steps on a node: Perl without modules, as Debian's and Ubuntu's essential package perl-base has it
 * (docs/decisions/0015). Called as `OPERATION EXECUTION FENCE [ARGUMENT…]`; it takes the lock of the execution, refuses a
 * fence lower than the recorded one, records the fence, and only then does or answers anything.
 *
 * The journal of an execution is the folder /var/lib/muster/steps/EXECUTION:
 *   lock       flock: one operation at a time        fence      the highest fence seen
 *   alive      flock: held while the step runs       boot_id    the boot it was started under
 *   try        which start this is, from 1           step       the step's id
 *   script     what is run                           input.json its input (0600), removed at the end
 *   log        its output, up to LOG_BYTES           value-N    long values of the environment, removed at the end
 *   log.beyond how many bytes more came              output     what it published
 *   progress   "number percent text"                 unchanged  the script says that it changed nothing
 *   pgid       the script's process and session      env        its environment, removed at the end
 *   exit       exit code; written last
 *
 * A log that grows over its bound keeps its beginning and, once the script has ended, its last 64 KiB.
 *
 * A script runs in a session of its own. When it has ended, what is left of that session is ended too: a step that says
 * "done" is done. What gave itself another session is a daemon and lives on, as does what systemd started. A script that
 * is made to stop (cancelled, stalled, timed out) is stopped with its daemons: they carry its mark in the environment.
 *
 * Operations: status OFFSET | start TRY STEP LOG_BYTES OFFSET WAIT (seconds; journal files as tar on stdin) |
 *   check (journal files) | cancel | reboot |
 *   artifact look|put|settle SHA256 NAME [OFFSET] (bytes on stdin): /var/lib/muster/artifacts/SHA256/NAME.
 * Exit code 92: fence refused; 91: another operation holds the lock; 96: another offset than the file's size.
 *
 * Its name on nodes changes with its text.
 */
export const runner = {
  text,
  name: `step-runner-${createHash('sha256').update(text).digest('hex').slice(0, 12)}`,
} as const;
