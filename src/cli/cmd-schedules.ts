import { InvalidArgumentError, Option, type Command } from 'commander';
import { schedulesRoutes, type Schedule } from '../api/contract/index.js';
import type { CliContext, Register } from './context.js';
import { age, parseDuration, table } from './format.js';
import { wholeNumber } from './options.js';

interface AddOptions {
  cron: string;
  tz: string;
  deployment: string;
  action: Schedule['action'];
  overlap: Schedule['overlap'];
  missed: Schedule['missed'];
  startWithin: number;
  longest?: number;
  stopAfter?: number;
  canary?: string;
}

/** `muster schedules`: what is done to deployments by itself, and when. */
export const registerSchedules: Register = (program, context) => {
  const schedules = program.command('schedules').summary('what is done to deployments by itself, and when');
  schedules
    .command('list', { isDefault: true })
    .summary('show schedules and when each is due next')
    .action(async () => {
      const { items } = await context.api.call(schedulesRoutes.list, {});
      context.show(items, () => table(['name', 'deployment', 'action', 'cron', 'zone', 'next'], items.map(rowOf)));
    });
  registerAdd(schedules, context);
  schedules
    .command('show <schedule>')
    .summary('show a schedule with its next five times')
    .action(async (name: string) => {
      const schedule = await context.api.call(schedulesRoutes.show, { params: { schedule: name } });
      context.show(schedule, () => textOf(schedule));
    });
  schedules
    .command('history <schedule>')
    .summary('show its times, newest first, and what became of each')
    .option('-n, --limit <count>', 'how many', wholeNumber, 20)
    .action(async (name: string, { limit }: { limit: number }) => {
      const { items } = await context.api.call(schedulesRoutes.history, {
        params: { schedule: name },
        query: { limit },
      });
      const rows = items.map(({ dueAt, status, runId, reason, outputs }) => {
        const changed = Object.keys(outputs ?? {});
        return [dueAt, status, runId ?? '', reason ?? (changed.length > 0 ? `other: ${changed.join(', ')}` : '')];
      });
      context.show(items, () => table(['due', 'status', 'run', 'why'], rows));
    });
  registerControls(schedules, context);
};

function registerAdd(schedules: Command, context: CliContext): void {
  schedules
    .command('add <name>')
    .summary('make a schedule')
    .requiredOption('--cron <line>', 'five fields: minute, hour, day of month, month, day of week')
    .option('--tz <zone>', 'time zone', 'UTC')
    .requiredOption('-D, --deployment <name>', 'of which deployment')
    .addOption(
      new Option('--action <action>', 'what is done')
        .choices(['redeploy', 'apply', 'verify', 'upgrade', 'down', 'up'])
        .makeOptionMandatory(),
    )
    .addOption(
      new Option('--overlap <policy>', 'where another run is still on')
        .choices(['skip', 'queue', 'replace'])
        .default('skip'),
    )
    .addOption(
      new Option('--missed <policy>', 'for times that went by unseen').choices(['skip', 'once']).default('skip'),
    )
    .option('--start-within <duration>', 'it may still begin this long after its time', duration, 300)
    .option('--longest <duration>', 'it is cancelled when it has taken this long', duration)
    .option('--stop-after <count>', 'pause it after so many failures in a row', wholeNumber)
    .option('--canary <deployment>', 'do it to this one first; where that ends badly, it ends there')
    .addHelpText(
      'after',
      `
redeploy tears the deployment down and lays it again from bare machines; apply runs what differs from its bundle.

Examples:
  muster schedules add weekly --cron "0 3 * * 0" --tz Europe/London --deployment lab --action redeploy
  muster schedules add hourly --cron "7 * * * *" -D prod --action verify --overlap skip --stop-after 3
  muster schedules add renew --cron "0 4 * * 6" -D prod --action upgrade --canary staging
  muster schedules add office --cron "0 7 * * 1-5" --tz Europe/Berlin -D lab --action up --missed once --start-within 2h`,
    )
    .action(async (name: string, options: AddOptions) => {
      const {
        cron,
        tz,
        deployment,
        action,
        overlap,
        missed,
        startWithin,
        longest = null,
        stopAfter = null,
        canary = null,
      } = options;
      const body = {
        ...{ name, deployment, cron, timeZone: tz, action, overlap, missed },
        ...{ startWithinSeconds: startWithin, longestSeconds: longest, stopAfterFailures: stopAfter, canary },
      };
      const schedule = await context.api.call(schedulesRoutes.add, { body });
      context.show(schedule, () => textOf(schedule));
    });
}

function registerControls(schedules: Command, context: CliContext): void {
  for (const [name, summary] of [
    ['pause', 'let no time of it fire'],
    ['resume', 'go on from now'],
  ] as const) {
    schedules
      .command(`${name} <schedule>`)
      .summary(summary)
      .action(async (schedule: string) => {
        const changed = await context.api.call(schedulesRoutes[name], { params: { schedule } });
        context.show(changed, () => textOf(changed));
      });
  }
  schedules
    .command('run <schedule>')
    .summary('fire now, also where it is paused')
    .option('-y, --yes', 'do not ask')
    .action(async (schedule: string, options: { yes?: boolean }) => {
      const { action, deployment } = await context.api.call(schedulesRoutes.show, { params: { schedule } });
      if (DESTROYS.has(action)) await context.confirm(`Do ${action} to ${deployment} now? Data will be lost.`, options);
      const firing = await context.api.call(schedulesRoutes.run, { params: { schedule } });
      context.show(firing, () => `${schedule} fires now; muster schedules history ${schedule}`);
    });
  schedules
    .command('remove <schedule>')
    .summary('remove a schedule and its history; a run that it began goes on')
    .action(async (schedule: string) => {
      const removed = await context.api.call(schedulesRoutes.remove, { params: { schedule } });
      context.show(removed, () => `${schedule} is removed`);
    });
}

/** Actions that take nodes away. */
const DESTROYS: ReadonlySet<Schedule['action']> = new Set(['redeploy', 'down']);

function duration(text: string): number {
  const seconds = parseDuration(text);
  if (seconds === null || seconds < 1) throw new InvalidArgumentError('as in 90s, 10m, 2h');
  return seconds;
}

function rowOf(schedule: Schedule) {
  const { name, deployment, action, cron, timeZone, next, pausedReason } = schedule;
  const [due] = next;
  return [
    name,
    deployment,
    action,
    cron,
    timeZone,
    due === undefined ? (pausedReason ?? 'paused') : age(due, new Date()),
  ];
}

function textOf(schedule: Schedule): string {
  const { name, action, deployment, cron, timeZone, next, overlap, missed, failures, pausedReason } = schedule;
  const lines = [
    `${name}: ${action} of ${deployment}, "${cron}" in ${timeZone}`,
    `where another run is on: ${overlap}; missed: ${missed}; may begin within ${schedule.startWithinSeconds} s`,
  ];
  if (schedule.longestSeconds !== null) lines.push(`is cancelled after ${schedule.longestSeconds} s`);
  if (schedule.canary !== null) lines.push(`first done to ${schedule.canary}; where that ends badly, it ends there`);
  if (schedule.stopAfterFailures !== null)
    lines.push(`is paused after ${schedule.stopAfterFailures} failures in a row; ${failures} so far`);
  if (pausedReason !== null) lines.push(`paused: ${pausedReason}`);
  return [...lines, ...next.map((time) => `  ${time}`)].join('\n');
}
