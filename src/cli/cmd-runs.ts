import { runsRoutes, runStatus, type Run } from '../api/contract/index.js';
import { Option } from 'commander';
import type { CliContext, Register } from './context.js';
import { followRun } from './follow-run.js';
import { replaceNodes } from './replace-nodes.js';
import { age, duration, table } from './format.js';
import { wholeNumber } from './options.js';
import { getRun, stepInPath } from './references.js';

/** `muster runs`, and what can be done to a run: retry, skip, pause, resume, cancel. */
export const registerRuns: Register = (program, context) => {
  const runs = program.command('runs').summary('what was done, and what is being done');
  runs
    .command('list', { isDefault: true })
    .summary('show runs, newest first')
    .option('--of <name>', 'only of this deployment or machine')
    .addOption(new Option('--status <status>').choices(runStatus.options))
    .option('-n, --limit <count>', 'how many', wholeNumber, 20)
    .action(async (options: { of?: string; status?: Run['status']; limit: number }) => {
      const query = { subject: options.of, status: options.status, limit: options.limit };
      const { items } = await context.api.call(runsRoutes.list, { query });
      context.show(items, () => runsTable(items));
    });
  runs
    .command('show <run>')
    .summary('show a run (by id, or the latest of a name) with its steps')
    .action(async (reference: string) => {
      const { id } = await getRun(context, reference);
      await showRun(context, id);
    });
  registerRetry(program, context);
  registerControl(program, context);
};

interface RetryOptions {
  step?: string[];
  replace?: true | string[];
  yes?: boolean;
  detach?: boolean;
}

const registerRetry: Register = (program, context) => {
  program
    .command('retry <run>')
    .summary('go on with a failed run from its failed steps')
    .option('--step <key...>', 'only these steps')
    .option('--replace [node...]', 'give up these nodes (default: those of the failed steps) and make others')
    .option('-y, --yes', 'do not ask before nodes are given up')
    .option('-d, --detach', 'do not wait')
    .addHelpText(
      'after',
      '\nRUN is an id, or the name of a deployment or machine: its latest run.\n\nExamples:\n  muster retry lxd-fan\n  muster retry lxd-fan --replace        another machine for the one that failed; its units are laid again',
    )
    .action(async (reference: string, options: RetryOptions) => {
      const { id } = await getRun(context, reference);
      if (options.replace !== undefined) {
        await replaceNodes(context, id, options.replace === true ? [] : options.replace, options);
        return;
      }
      const run = await context.api.call(runsRoutes.retry, { params: { run: id }, body: { steps: options.step } });
      if (options.detach === true) {
        context.show(run, () => `${run.title}: ${run.status}`);
        return;
      }
      const ended = await followRun(context, id);
      context.show(ended, () => `${ended.title}: ${ended.status}`);
    });
  program
    .command('skip <run> <step>')
    .summary('count a step as done without doing it')
    .requiredOption('--why <text>', 'is kept in the record')
    .addHelpText('after', "\nExample:\n  muster skip lxd-fan lxd/0:verify --why 'checked by hand'")
    .action(async (reference: string, key: string, options: { why: string }) => {
      const { id } = await getRun(context, reference);
      const params = { run: id, step: stepInPath(key) };
      const run = await context.api.call(runsRoutes.skip, { params, body: { why: options.why } });
      context.show(run, () => `${key} is skipped; the run is ${run.status}`);
    });
};

const registerControl: Register = (program, context) => {
  const controls = [
    { name: 'pause', summary: 'start no further step of a run', route: runsRoutes.pause },
    { name: 'resume', summary: 'go on with a paused run', route: runsRoutes.resume },
    { name: 'cancel', summary: 'end a run cleanly', route: runsRoutes.cancel },
  ] as const;
  for (const { name, summary, route } of controls) {
    program
      .command(`${name} <run>`)
      .summary(summary)
      .action(async (reference: string) => {
        const { id } = await getRun(context, reference);
        const run = await context.api.call(route, { params: { run: id } });
        context.show(run, () => `${run.title}: ${run.status}`);
      });
  }
};

export async function showRun(context: CliContext, id: string): Promise<void> {
  const run = await context.api.call(runsRoutes.show, { params: { run: id } });
  const rows = run.steps.map((step) => [
    step.key,
    step.status,
    step.attempts,
    step.percent === null || step.status !== 'running' ? '' : `${Math.round(step.percent)}%`,
    tookOf(step.startedAt, step.endedAt),
    step.reason ?? step.message ?? step.title,
  ]);
  context.show(run, () => `${runsTable([run])}\n\n${table(['step', 'status', 'tries', 'done', 'took', 'what'], rows)}`);
}

export function runsTable(runs: readonly Run[]): string {
  const now = new Date();
  const rows = runs.map((run) => [
    run.id,
    run.title,
    run.status,
    `${run.stepsDone}/${run.stepsTotal}`,
    age(run.createdAt, now),
    tookOf(run.startedAt, run.endedAt),
    run.actor,
  ]);
  return table(['run', 'what', 'status', 'steps', 'since', 'took', 'who'], rows);
}

function tookOf(start: string | null, end: string | null): string {
  if (start === null) return '';
  return duration(((end === null ? Date.now() : Date.parse(end)) - Date.parse(start)) / 1000);
}
