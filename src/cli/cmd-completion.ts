import { Argument, type Command } from 'commander';
import {
  actionsRoutes,
  bundlesRoutes,
  deploymentsRoutes,
  machinesRoutes,
  schedulesRoutes,
  type DeploymentAction,
} from '../api/contract/index.js';
import type { CliContext, Register } from './context.js';

/** Longer would be felt at the prompt. */
const NAMES_TIMEOUT_MS = 1000;

type NamedThing = 'units' | 'actions' | 'machines' | 'deployments' | 'bundles' | 'schedules';

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
};

const SCRIPTS = {
  bash: `_muster() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(muster completion words -- "\${COMP_WORDS[@]:1:COMP_CWORD-1}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _muster muster`,
  zsh: `#compdef muster
_muster() {
  local -a found
  found=("\${(@f)$(muster completion words -- "\${(@)words[2,CURRENT-1]}" 2>/dev/null)}")
  compadd -a found || _files
}
compdef _muster muster`,
  fish: `complete -c muster -f -a '(muster completion words -- (commandline -opc)[2..-1] 2>/dev/null)'`,
};

/** `muster completion bash|zsh|fish`. */
export const registerCompletion: Register = (program, context) => {
  const completion = program.command('completion').summary('print the completion script of a shell');
  for (const shell of ['bash', 'zsh', 'fish'] as const) {
    completion
      .command(shell)
      .summary(`for ${shell}`)
      .addHelpText('after', `\nExample:\n  muster completion ${shell} > ${placeOf(shell)}`)
      .action(() => context.print(SCRIPTS[shell]));
  }
  completion
    .command('words', { hidden: true })
    .addArgument(new Argument('[line...]'))
    .allowUnknownOption()
    .action(async (line: string[]) => {
      for (const word of await wordsAfter(program, context, line)) context.print(word);
    });
};

/** What may come next after these words. */
export async function wordsAfter(program: Command, context: CliContext, line: readonly string[]): Promise<string[]> {
  let command = program;
  let position = 0;
  for (const word of line) {
    if (word.startsWith('-')) continue;
    const child = command.commands.find((each) => each.name() === word || each.aliases().includes(word));
    if (child !== undefined) command = child;
    else position += 1;
  }
  const options = command.options.map((option) => option.long ?? option.short ?? '');
  const children = command.commands.map((child) => child.name()).filter((name) => name !== 'words');
  const argument = command.registeredArguments[position];
  const choices = argument?.argChoices ?? [];
  const kind = argument === undefined ? undefined : NAMED[argument.name()];
  const names = kind === undefined ? [] : await namesOf(context, kind);
  return [...children, ...choices, ...names, ...options].filter((word) => word !== '');
}

/** No name is better than a prompt that hangs, or an error in the midst of typing. */
async function namesOf(context: CliContext, kind: NamedThing): Promise<string[]> {
  const signal = AbortSignal.timeout(NAMES_TIMEOUT_MS);
  const lists = {
    machines: () => context.api.call(machinesRoutes.list, { query: { limit: 500 } }, signal),
    deployments: () => context.api.call(deploymentsRoutes.list, {}, signal),
    bundles: () => context.api.call(bundlesRoutes.list, {}, signal),
    schedules: () => context.api.call(schedulesRoutes.list, {}, signal),
    units: () => actionNames(context, signal, ({ application, units }) => [application, ...units]),
    actions: () => actionNames(context, signal, ({ action }) => [action]),
  };
  try {
    const { items } = await lists[kind]();
    return items.map((item) => item.name);
  } catch {
    return [];
  }
}

/** Of all deployments: which is meant is not known yet. */
async function actionNames(
  context: CliContext,
  signal: AbortSignal,
  namesIn: (action: DeploymentAction) => string[],
): Promise<{ items: { name: string }[] }> {
  const { items: deployments } = await context.api.call(deploymentsRoutes.list, {}, signal);
  const names = new Set<string>();
  for (const { name: deployment } of deployments) {
    const { items } = await context.api.call(actionsRoutes.list, { params: { deployment } }, signal);
    for (const name of items.flatMap(namesIn)) names.add(name);
  }
  return { items: [...names].map((name) => ({ name })) };
}

function placeOf(shell: 'bash' | 'zsh' | 'fish'): string {
  if (shell === 'bash') return '/etc/bash_completion.d/muster';
  return shell === 'zsh' ? '"${fpath[1]}/_muster"' : '~/.config/fish/completions/muster.fish';
}
