import { systemRoutes } from '../api/contract/index.js';
import type { CliContext } from './context.js';
import { CliError, EXIT } from './exit-code.js';
import { pause } from './pause.js';

/** Its first start makes a database. */
const START_MS = 180_000;
const LOOK_MS = 300;

/**
 * For deployments that need no boot server: where no server was named and none answers on this computer, one is started in
 * the background, after a question.
 */
export async function ensureServer(context: CliContext, options: { on: string; yes?: boolean }): Promise<void> {
  const { startServer } = context.io;
  if (options.on === 'metal' || startServer === undefined || context.namesServer || (await answers(context))) return;
  await context.confirm('No muster server answers on this computer. Start one in the background?', options);
  const { log, ended } = startServer({ localhost: options.on === 'localhost' });
  context.tell(`starting a server; its log: ${log}; \`muster serve --stop\` ends it`);
  const last: string[] = [];
  void ended.then((text) => last.push(text));
  for (const until = Date.now() + START_MS; Date.now() < until;) {
    if (context.io.signal.aborted)
      throw new CliError(EXIT.interrupted, 'interrupted: the server goes on', `its log: ${log}`);
    context.reopen();
    if (await isReady(context)) return;
    if (last.length > 0) {
      throw new CliError(EXIT.failed, `cannot start a server, it ended: ${last.join()}`, `its log: ${log}`);
    }
    await pause(LOOK_MS, context.io.signal);
  }
  throw new CliError(
    EXIT.unreachable,
    `cannot start a server: no answer after ${START_MS / 1000} s`,
    `its log: ${log}`,
  );
}

async function isReady(context: CliContext): Promise<boolean> {
  return context.api.call(systemRoutes.health, {}).then(
    () => true,
    () => false,
  );
}

async function answers(context: CliContext): Promise<boolean> {
  try {
    await context.api.call(systemRoutes.health, {});
    return true;
  } catch (error) {
    // A server that says that it is not well is there all the same.
    if (!(error instanceof CliError)) throw error;
    return error.code !== EXIT.unreachable;
  }
}
