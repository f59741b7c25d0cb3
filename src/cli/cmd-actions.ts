import {
  actionsRoutes,
  runsRoutes,
  type ActionParam,
  type DeploymentAction,
  type RunOutput,
} from '../api/contract/index.js';
import type { CliContext, Register } from './context.js';
import { CliError, EXIT } from './exit-code.js';
import { followRun } from './follow-run.js';
import { fields, table } from './format.js';
import { collectPair } from './options.js';
import { writePrivate } from './private-files.js';
import { onlyDeploymentWith, stepInPath } from './references.js';

interface ActionOptions {
  deployment?: string;
  yes?: boolean;
  detach?: boolean;
  save?: Record<string, string>;
}

/** `muster actions` and `muster action`: what roles do on request. */
export const registerActions: Register = (program, context) => {
  const actions = program.command('actions').summary('what the applications of a deployment do on request');
  actions
    .command('list <deployment> [application]', { isDefault: true })
    .summary('show actions and their parameters')
    .addHelpText('after', '\nExample:\n  muster actions list prod etcd')
    .action(async (deployment: string, application: string | undefined) => {
      const { items } = await context.api.call(actionsRoutes.list, { params: { deployment }, query: { application } });
      context.show(items, () => (items.length === 0 ? `${deployment} has no actions` : listed(items)));
    });
  program
    .command('action <unit> <action> [params...]')
    .summary('have a unit (or all of an application) do an action of its role, and show what it published')
    .option('-D, --deployment <name>', 'of which deployment (default: the only one with such an application)')
    .option('-y, --yes', 'do not ask')
    .option('-d, --detach', 'do not wait for the run')
    .option('--save <name=file>', 'write a published value, secrets too, to a file that only you can read', collectPair)
    .addHelpText(
      'after',
      `
UNIT is etcd/0, or an application for all of its units; with its deployment before it: prod:etcd/0. A value of @FILE is
that file's text; secret parameters that have to be said are asked for on a terminal, unseen. Actions wait for nothing: while another run changes the deployment they are refused.

Examples:
  muster action etcd/0 snapshot
  muster action prod:kubernetes-worker/1 drain timeout-seconds=300
  muster action hello greet name=Ada --json`,
    )
    .action((unit: string, action: string, words: string[], options: ActionOptions) =>
      act(context, { unit, action, words }, options),
    );
};

async function act(
  context: CliContext,
  { unit, action, words }: { unit: string; action: string; words: string[] },
  options: ActionOptions,
): Promise<void> {
  const params: Record<string, string> = {};
  for (const word of words) {
    const [, name, value] = /^([^=\s]+)=([^]*)$/.exec(word) ?? [];
    if (name === undefined || value === undefined)
      throw new CliError(EXIT.usage, `cannot read "${word}"`, 'give parameter=value');
    params[name] = await context.openValue(value);
  }
  const colon = unit.indexOf(':');
  const target = unit.slice(colon + 1);
  const named = colon > 0 ? unit.slice(0, colon) : options.deployment;
  const [application = ''] = target.split('/');
  const deployment = named ?? (await onlyDeploymentWith(context, [application]));
  const { items } = await context.api.call(actionsRoutes.list, { params: { deployment }, query: { application } });
  const offered = items.find((item) => item.action === action);
  for (const { name, description } of offered?.params.filter(isAskedFor(params)) ?? [])
    if (context.asksSecrets) params[name] = await context.askSecret(`${name} (${description})`);
  if (offered?.destructive === true) await context.confirm(`Run ${action} on ${target} of ${deployment}?`, options);
  const { run } = await context.api.call(actionsRoutes.run, {
    params: { deployment },
    body: { target, action, params },
  });
  if (options.detach === true) {
    context.show(run, () => `muster logs -f ${run.id}`);
    return;
  }
  try {
    await followRun(context, run.id);
  } finally {
    // Also where it failed: other units may have done it.
    await tell(context, run.id, options.save ?? {});
  }
}

/** A secret that has to be said and was not: nobody wants it in the history of a shell. */
const isAskedFor =
  (said: Readonly<Record<string, string>>) =>
  ({ name, secret, required }: ActionParam): boolean =>
    secret && required && !(name in said);

async function tell(context: CliContext, run: string, save: Record<string, string>): Promise<void> {
  const { items } = await context.api.call(runsRoutes.outputs, { params: { run } });
  for (const [name, file] of Object.entries(save)) await saveValue(context, run, { items, name, file });
  const units = new Map<string, RunOutput[]>();
  for (const item of items) units.set(unitOf(item), [...(units.get(unitOf(item)) ?? []), item]);
  const valuesOf = (outputs: RunOutput[]) => Object.fromEntries(outputs.map(({ name, value }) => [name, value]));
  const byUnit = Object.fromEntries([...units].map(([unit, outputs]) => [unit, valuesOf(outputs)]));
  if (context.json) context.print(JSON.stringify({ run, units: byUnit }, null, 2));
  else if (units.size > 0) context.print(textOf(units));
}

function textOf(units: ReadonlyMap<string, RunOutput[]>): string {
  const sorted = [...units].sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }));
  const indent = units.size === 1 ? '' : '  ';
  const parts = sorted.map(([unit, outputs]) => {
    const rows = outputs.map((item) => [`${indent}${item.name}`, shown(item)] as const);
    return units.size === 1 ? fields(rows) : `${unit}\n${fields(rows)}`;
  });
  return parts.join('\n');
}

/** `action/etcd/0:snapshot`: the unit. */
const unitOf = ({ step }: RunOutput) => step.slice(step.indexOf('/') + 1, step.lastIndexOf(':'));
const shown = ({ secret, value }: RunOutput) =>
  secret ? '(secret)' : typeof value === 'string' ? value : JSON.stringify(value);

async function saveValue(
  context: CliContext,
  run: string,
  { items, name, file }: { items: readonly RunOutput[]; name: string; file: string },
): Promise<void> {
  const [found, another] = items.filter((item) => item.name === name);
  if (found === undefined || another !== undefined)
    throw new CliError(
      found === undefined ? EXIT.notFound : EXIT.usage,
      `cannot save ${name}: ${found === undefined ? 'nothing has published it' : 'several units have published it'}`,
      `published: ${[...new Set(items.map((item) => item.name))].join(', ') || 'nothing'}`,
    );
  const params = { run, step: stepInPath(found.step), output: name };
  const { value } = await context.api.call(runsRoutes.openOutput, { params });
  writePrivate(file, typeof value === 'string' ? value : JSON.stringify(value));
  context.tell(`${name} is in ${file}`);
}

function listed(items: readonly DeploymentAction[]): string {
  const rows = items.map(({ application, action, params, summary, leader, units }) => [
    leader ? `${application}/0` : units.length === 1 ? (units[0] ?? application) : application,
    action,
    params.map(paramText).join(' '),
    summary,
  ]);
  return table(['unit', 'action', 'parameters', ''], rows);
}

/** `name=TEXT`, in brackets where it may be left out; with its default where it has one. */
export function paramText({ name, type, default: value, choices, required, secret }: ActionParam): string {
  const kind = secret ? '@FILE' : choices.length > 0 ? choices.join('|') : type;
  const text = `${name}=${value === null || value === '' ? kind : String(value)}`;
  return required ? text : `[${text}]`;
}
