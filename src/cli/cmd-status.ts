import {
  deploymentsRoutes,
  machinesRoutes,
  runsRoutes,
  type Deployment,
  type DeploymentDetail,
  type Machine,
} from '../api/contract/index.js';
import { showMachine } from './cmd-machines-show.js';
import { runsTable, showRun } from './cmd-runs.js';
import type { CliContext, Register } from './context.js';
import { CliError, EXIT } from './exit-code.js';
import { age, duration, fields, table } from './format.js';
import { pause } from './pause.js';
import { upgradeText } from './upgrade-text.js';

const WATCH_MS = 2000;

/** `muster status`: everything at a glance, or one deployment, machine or run. */
export const registerStatus: Register = (program, context) => {
  program
    .command('status [name]')
    .summary('show deployments, machines and what runs; or one of them')
    .option('-w, --watch', 'again and again, until Ctrl-C')
    .addHelpText('after', '\nExamples:\n  muster status\n  muster status lxd-fan --watch')
    .action(async (name: string | undefined, options: { watch?: boolean }) => {
      const show = () => (name === undefined ? showAll(context) : showOne(context, name));
      if (options.watch === true) await watch(context, show);
      else await show();
    });
};

async function watch(context: CliContext, show: () => Promise<void>): Promise<void> {
  const { signal } = context.io;
  while (!signal.aborted) {
    if (context.io.isTty && !context.json) context.io.stdout.write('\u001b[H\u001b[2J');
    await show();
    await pause(WATCH_MS, signal);
  }
}

async function showAll(context: CliContext): Promise<void> {
  const [deployments, machines, runs] = await Promise.all([
    context.api.call(deploymentsRoutes.list, {}),
    context.api.call(machinesRoutes.list, { query: { limit: 500 } }),
    context.api.call(runsRoutes.list, { query: { limit: 100 } }),
  ]);
  const open = runs.items.filter((run) => ['queued', 'running', 'paused'].includes(run.status));
  const value = { deployments: deployments.items, machines: machines.items, runs: open };
  context.show(value, () =>
    [
      table(['deployment', 'bundle', 'cloud', 'status', 'progress', 'since'], deployments.items.map(deploymentRow)),
      table(['machine', 'state', 'power', 'address', 'hardware', 'deployment'], machines.items.map(machineRow)),
      ...(open.length === 0 ? [] : [runsTable(open)]),
    ].join('\n\n'),
  );
}

/** The first of deployment, machine and run that has this name. */
async function showOne(context: CliContext, name: string): Promise<void> {
  const attempts = [
    async () => {
      const found = await context.api.call(deploymentsRoutes.show, { params: { deployment: name } });
      context.show(found, () => deploymentText(found));
    },
    () => showMachine(context, name),
    () => showRun(context, name),
  ];
  for (const attempt of attempts) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (!(error instanceof CliError) || (error.code !== EXIT.notFound && error.code !== EXIT.usage)) throw error;
    }
  }
  throw new CliError(EXIT.notFound, `cannot find a deployment, machine or run ${name}`, 'muster status lists them');
}

function deploymentText(deployment: DeploymentDetail): string {
  const { run } = deployment;
  const now = new Date();
  return [
    fields([
      ['deployment', deployment.name],
      ['bundle', deployment.bundle],
      ['cloud', deployment.cloud],
      ['status', deployment.status],
      ['reason', deployment.reason],
      ['upgrade', deployment.upgrade === null ? null : upgradeText(deployment.upgrade)],
      ['run', run === null ? null : `${run.title}: ${run.status}, ${progressOf(deployment)}`],
      ['created', `${age(deployment.createdAt, now)} by ${deployment.createdBy}`],
      ...Object.entries(deployment.outputs).map(([key, value]) => [key, outputText(deployment, key, value)] as const),
    ]),
    table(
      ['node', 'name', 'address'],
      deployment.nodes.map((node) => [node.key, node.name, node.address]),
    ),
    table(
      ['unit', 'role', 'node', 'address', 'status', 'what'],
      deployment.units.map((unit) => [unit.name, unit.role, unit.node, unit.address, unit.status, unit.message ?? '']),
    ),
  ].join('\n\n');
}

function outputText(deployment: DeploymentDetail, key: string, value: unknown): string {
  if (value === null) return `a secret: muster outputs ${deployment.name} ${key}`;
  return typeof value === 'string' && !value.includes('\n') ? value : JSON.stringify(value);
}

function deploymentRow(deployment: Deployment) {
  const since = age(deployment.createdAt, new Date());
  const { name, bundle, cloud, status, run } = deployment;
  const isHalf =
    (run?.action === 'upgrade' || run?.action === 'rollback') && status !== 'ready' && status !== 'working';
  return [name, bundle, cloud, isHalf ? `${status} (half upgraded)` : status, progressOf(deployment), since];
}

function progressOf({ run }: Deployment): string {
  if (run === null) return '';
  const left = run.secondsLeft === null ? '' : `, about ${duration(run.secondsLeft)} left`;
  return `${run.stepsDone}/${run.stepsTotal} steps${left}`;
}

export function machineRow(machine: Machine) {
  const { cores, memoryMegabytes: megabytes } = machine;
  const memory = megabytes === null ? '' : `${(megabytes / 1024).toFixed(megabytes < 10_240 ? 1 : 0)}G`;
  const state = `${machine.state}${machine.failed ? ' (failed)' : ''}${machine.accepted ? '' : ' (not accepted)'}`;
  const hardware = cores === null ? '' : `${cores} cores, ${memory}`;
  return [machine.name, state, machine.power.state, machine.address, hardware, machine.deployment];
}
