import { run, type CliIo } from './cli/index.js';
import { registerLocalCommands, startInBackground } from './local/index.js';
import { inheritedEnvironment } from './platform/config/index.js';

/** See to signals themselves, or may be ended at any instant. */
const ENDED_AT_ONCE = ['serve', 'lab', 'secrets'];

/** A first Ctrl-C ends a command cleanly; a second one at once. */
function interruptSignal(command: string | undefined): AbortSignal {
  const controller = new AbortController();
  if (command !== undefined && ENDED_AT_ONCE.includes(command)) return controller.signal;
  process.once('SIGINT', () => {
    controller.abort();
    process.once('SIGINT', () => process.exit(130));
  });
  return controller.signal;
}

const argv = process.argv.slice(2);
const io: CliIo = {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  isTty: process.stdout.isTTY,
  canAsk: process.stdin.isTTY,
  environment: inheritedEnvironment(),
  signal: interruptSignal(argv[0]),
  startServer: startInBackground,
  // Loaded when it is asked for: it brings the half of a server.
  answerFromLibrary: async (id, input) => (await import('./local/library.js')).answerFromLibrary(id, input),
};
// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
process.exitCode = await run(argv, io, [(program) => registerLocalCommands(program)]);
