import { machinesRoutes, type BootEvent, type BootSession } from '../api/contract/index.js';
import type { CliContext, Register } from './context.js';
import { paint, plain } from './format.js';
import { pause } from './pause.js';

const LOOK_EVERY_MS = 1000;

/** `muster machines boot-log`: everything seen of a machine between power-on and "up". */
export const registerBootLog: Register = (machines, context) => {
  machines
    .command('boot-log <machine>')
    .summary('show what was seen of a machine on its way up, and why it stopped')
    .option('-f, --follow', 'until Ctrl-C; with --json one event a line')
    .addHelpText('after', '\nExample:\n  muster machines boot-log n1 -f')
    .action(async (machine: string, options: { follow?: boolean }) => {
      if (options.follow === true) await follow(context, machine);
      else await showLatest(context, machine);
    });
};

async function showLatest(context: CliContext, machine: string): Promise<void> {
  const { items } = await read(context, machine, 1);
  const [session] = items;
  context.show(session ?? null, () =>
    session === undefined
      ? `nothing has been seen of ${machine}`
      : [head(session), ...session.events.map((event) => line(session, event, context.colours)), tail(session)]
          .filter((text) => text !== '')
          .join('\n'),
  );
}

async function follow(context: CliContext, machine: string): Promise<void> {
  const { signal } = context.io;
  const printed = new Map<string, number>();
  let stalled = '';
  while (!signal.aborted) {
    const { items } = await read(context, machine, 2);
    for (const session of items.toReversed()) {
      const before = printed.get(session.id);
      if (before === undefined && !context.json) context.print(head(session));
      for (const event of session.events.slice(before ?? 0)) {
        context.print(
          context.json ? JSON.stringify({ session: session.id, ...event }) : line(session, event, context.colours),
        );
      }
      printed.set(session.id, session.events.length);
    }
    const reason = items[0] === undefined ? '' : tail(items[0]);
    if (reason !== '' && reason !== stalled && !context.json) context.print(reason);
    stalled = reason;
    await pause(LOOK_EVERY_MS, signal);
  }
}

function read(context: CliContext, machine: string, limit: number) {
  return context.api.call(machinesRoutes.bootSessions, { params: { machine }, query: { limit } });
}

function head(session: BootSession): string {
  return `${session.startedAt} ${session.mac}`;
}

function line(session: BootSession, event: BootEvent, colours: boolean): string {
  const seconds = (Date.parse(event.at) - Date.parse(session.startedAt)) / 1000;
  const time = `+${seconds.toFixed(1)}s`.padStart(9);
  return `${paint('grey', time, colours)}  ${event.stage.padEnd(10)}  ${plain(event.message)}`;
}

function tail(session: BootSession): string {
  return session.stallReason === null
    ? ''
    : `stopped after ${session.stage ?? 'nothing'}: ${plain(session.stallReason)}`;
}
