import type { Command, Option } from 'commander';
import {
  actionsRoutes,
  bundlesRoutes,
  cloudsRoutes,
  deploymentsRoutes,
  imagesRoutes,
  machinesRoutes,
  rolesRoutes,
  schedulesRoutes,
  subnetsRoutes,
  type DeploymentAction,
} from '../api/contract/index.js';
import type { CliContext } from './context.js';

/** Longer would be felt at the prompt. */
const NAMES_TIMEOUT_MS = 1000;

type NamedThing =
  | 'units'
  | 'actions'
  | 'machines'
  | 'deployments'
  | 'bundles'
  | 'schedules'
  | 'clouds'
  | 'roles'
  | 'subnets'
  | 'images'
  | 'nodes';

/** Which names an argument takes, by what the help calls it. */
const NAMED: Record<string, NamedThing> = {
  bundle: 'bundles',
  machine: 'machines',
  deployment: 'deployments',
  run: 'deployments',
  name: 'deployments',
  target: 'machines',
  schedule: 'schedules',
  unit: 'units',
  action: 'actions',
  cloud: 'clouds',
  role: 'roles',
  subnet: 'subnets',
  image: 'images',
  node: 'nodes',
};

/** What may come next after these words. */
export async function wordsAfter(program: Command, context: CliContext, line: readonly string[]): Promise<string[]> {
  const { command, given, option } = readLine(program, line);
  const argument = command.registeredArguments[given.length];
  if (option !== null) {
    const value = /<([^>]+)>/.exec(option.flags)?.[1] ?? '';
    const isNew = option.long === '--name' && !['up', 'plan'].includes(command.name());
    return [
      ...(option.argChoices ?? []),
      ...(isNew ? [] : await namesOf(context, value, deploymentIn(command, given))),
    ];
  }
  const options = command.options.map((each) => each.long ?? each.short ?? '');
  const children = command.commands.map((child) => child.name()).filter((name) => name !== 'words');
  const names = argument === undefined ? [] : await namesOf(context, argument.name(), deploymentIn(command, given));
  return [...children, ...(argument?.argChoices ?? []), ...names, ...options].filter((word) => word !== '');
}

interface ReadLine {
  command: Command;
  /** Its arguments so far. */
  given: string[];
  /** The option that the next word is the value of. */
  option: Option | null;
}

function readLine(program: Command, line: readonly string[]): ReadLine {
  let command = program;
  let option: Option | null = null;
  let given: string[] = [];
  for (const word of line) {
    if (option !== null) {
      option = null;
    } else if (word.startsWith('-')) {
      const known = [...command.options, ...program.options].find((each) => [each.long, each.short].includes(word));
      if (known?.required === true) option = known;
    } else {
      const child = command.commands.find((each) => each.name() === word || each.aliases().includes(word));
      command = child ?? command;
      given = child === undefined ? [...given, word] : [];
    }
  }
  return { command, given, option };
}

/** The deployment that an argument before has named. */
function deploymentIn(command: Command, given: readonly string[]): string | undefined {
  return given[command.registeredArguments.findIndex((argument) => argument.name() === 'deployment')];
}

/** No name is better than a prompt that hangs, or an error in the midst of typing. */
async function namesOf(context: CliContext, argument: string, deployment: string | undefined): Promise<string[]> {
  const kind = NAMED[argument];
  if (kind === undefined) return [];
  const signal = AbortSignal.timeout(NAMES_TIMEOUT_MS);
  const named = ({ items }: { items: readonly { name: string }[] }) => items.map(({ name }) => name);
  const { api } = context;
  const lists: Record<NamedThing, () => Promise<string[]>> = {
    machines: async () => named(await api.call(machinesRoutes.list, { query: { limit: 500 } }, signal)),
    deployments: async () => named(await api.call(deploymentsRoutes.list, {}, signal)),
    bundles: async () => named(await api.call(bundlesRoutes.list, {}, signal)),
    schedules: async () => named(await api.call(schedulesRoutes.list, {}, signal)),
    clouds: async () => ['metal', 'localhost', ...named(await api.call(cloudsRoutes.list, {}, signal))],
    roles: async () => named(await api.call(rolesRoutes.list, {}, signal)),
    subnets: async () => named(await api.call(subnetsRoutes.list, {}, signal)),
    images: async () => named(await api.call(imagesRoutes.list, {}, signal)),
    nodes: () => nodesOf(context, signal, deployment),
    units: () => actionNames(context, signal, ({ application, units }) => [application, ...units]),
    actions: () => actionNames(context, signal, ({ action }) => [action]),
  };
  try {
    return [...new Set(await lists[kind]())];
  } catch {
    return [];
  }
}

async function nodesOf(context: CliContext, signal: AbortSignal, deployment: string | undefined): Promise<string[]> {
  if (deployment === undefined) return [];
  const { nodes } = await context.api.call(deploymentsRoutes.show, { params: { deployment } }, signal);
  return nodes.map(({ key }) => key);
}

/** Of all deployments: which is meant is not known yet. */
async function actionNames(
  context: CliContext,
  signal: AbortSignal,
  namesIn: (action: DeploymentAction) => string[],
): Promise<string[]> {
  const { items: deployments } = await context.api.call(deploymentsRoutes.list, {}, signal);
  const names: string[] = [];
  for (const { name: deployment } of deployments) {
    const { items } = await context.api.call(actionsRoutes.list, { params: { deployment } }, signal);
    names.push(...items.flatMap(namesIn));
  }
  return names;
}
