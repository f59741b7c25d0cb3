import { Command, CommanderError } from 'commander';
import { bundlesRoutes } from '../api/contract/index.js';
import { registerAcceptRules } from './cmd-accept-rules.js';
import { registerActions } from './cmd-actions.js';
import { registerAudit } from './cmd-audit.js';
import { registerBundles } from './cmd-bundles.js';
import { registerChange } from './cmd-change.js';
import { registerCompletion } from './cmd-completion.js';
import { registerClouds } from './cmd-clouds.js';
import { registerDown } from './cmd-down.js';
import { registerExport } from './cmd-export.js';
import { registerFan } from './cmd-fan.js';
import { registerImages } from './cmd-images.js';
import { registerInventory } from './cmd-inventory.js';
import { registerLeases } from './cmd-leases.js';
import { registerLogs } from './cmd-logs.js';
import { registerMachines } from './cmd-machines.js';
import { registerRoles } from './cmd-roles.js';
import { registerNodes } from './cmd-nodes.js';
import { registerRuns } from './cmd-runs.js';
import { registerSchedules } from './cmd-schedules.js';
import { registerSsh } from './cmd-ssh.js';
import { registerSshConfig } from './cmd-ssh-config.js';
import { registerStatus } from './cmd-status.js';
import { registerSubnets } from './cmd-subnets.js';
import { registerTokens } from './cmd-tokens.js';
import { registerUp } from './cmd-up.js';
import { registerUpgrade } from './cmd-upgrade.js';
import { registerOutputs } from './cmd-outputs.js';
import { CliContext, type CliIo, type GlobalOptions, type Register } from './context.js';
import { EXAMPLES } from './examples.js';
import { CliError, codeOf, EXIT, type ExitCode } from './exit-code.js';
import { paint, plain } from './format.js';

const COMMANDS: readonly Register[] = [
  registerUp,
  registerChange,
  registerUpgrade,
  registerStatus,
  registerLogs,
  registerDown,
  registerRuns,
  registerSchedules,
  registerSsh,
  registerOutputs,
  registerActions,
  registerExport,
  registerSshConfig,
  registerInventory,
  registerNodes,
  registerMachines,
  registerAcceptRules,
  registerImages,
  registerSubnets,
  registerLeases,
  registerBundles,
  registerClouds,
  registerRoles,
  registerFan,
  registerTokens,
  registerAudit,
  registerCompletion,
];

/** The program with every command; `more` adds those that do not go through the API. */
export function buildProgram(io: CliIo, more: readonly Register[] = []): { program: Command; context: CliContext } {
  const program = new Command('muster');
  const context = new CliContext(io, () => program.opts<GlobalOptions>());
  program
    .description('Bare machines, or a cloud account, into a running cluster with one command and one YAML file.')
    .option('--json', 'print the result as JSON')
    .option('--api <url>', 'where the API is (or MUSTER_API_URL; default https://localhost:7443)')
    .option('--no-color', 'no colours (or NO_COLOR)')
    .showHelpAfterError('(--help says more)')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
    })
    .addHelpText(
      'after',
      `
Token: MUSTER_TOKEN, ~/.config/muster/token, or admin.token in the data folder of a server on this computer.
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 refused, 5 not reachable, 6 not let in, 130 interrupted.`,
    );
  for (const register of [...COMMANDS, ...more]) register(program, context);
  adoptSettings(program);
  return { program, context };
}

/** Runs one command line (without the program's name) and gives its exit code. Never throws. */
export async function run(argv: readonly string[], io: CliIo, more: readonly Register[] = []): Promise<ExitCode> {
  const { program, context } = buildProgram(io, more);
  try {
    await program.parseAsync(await withUp(program, context, withEndOfOptions(argv)), { from: 'user' });
    return context.exitCode;
  } catch (error) {
    if (io.signal.aborted && !(error instanceof CliError)) return EXIT.interrupted;
    // Ctrl-C at a question.
    if (error instanceof Error && error.name === 'ExitPromptError') return EXIT.interrupted;
    if (!(error instanceof CommanderError)) explain(error, context);
    return codeOf(error);
  }
}

/** Where words stand that are no option, nor the value of one that goes before the command. */
function wordsIn(argv: readonly string[]): number[] {
  return [...argv.keys()].filter((at) => argv[at]?.startsWith('-') === false && argv[at - 1] !== '--api');
}

/** What follows the target of `ssh` and `exec` is for ssh and the node, also where it looks like an option of ours. */
function withEndOfOptions(argv: readonly string[]): readonly string[] {
  const [command, target] = wordsIn(argv);
  if (command === undefined || target === undefined || !['ssh', 'exec'].includes(argv[command] ?? '')) return argv;
  return [...argv.slice(0, target + 1), ...(argv[target + 1] === '--' ? [] : ['--']), ...argv.slice(target + 1)];
}

/** `muster kubernetes-core` is `muster up kubernetes-core`, where the first word is no command but a shipped bundle. */
async function withUp(program: Command, context: CliContext, argv: readonly string[]): Promise<readonly string[]> {
  const [at = 0] = wordsIn(argv);
  const word = argv[at] ?? '';
  const known = program.commands.flatMap((command) => [command.name(), ...command.aliases()]);
  if (!/^[a-z][a-z0-9-]*$/.test(word) || word === 'help' || known.includes(word)) return argv;
  program.parseOptions(argv.slice(0, at));
  const isBundle = await context.look(bundlesRoutes.list, {}).then(
    ({ items }) => items.some(({ name }) => name === word),
    () => false,
  );
  return isBundle ? [...argv.slice(0, at), 'up', ...argv.slice(at)] : argv;
}

/** Commander gives sub-commands their own copies of these, and shows the summary above a command but not in its own help. */
function adoptSettings(command: Command, words: readonly string[] = []): void {
  for (const child of command.commands) {
    child.copyInheritedSettings(command);
    if (child.description() === '') child.description(child.summary());
    const path = [...words, child.name()];
    const examples = EXAMPLES[path.join(' ')] ?? [];
    if (examples.length > 0)
      child.addHelpText('after', `\nExamples:\n${examples.map((line) => `  ${line}`).join('\n')}`);
    adoptSettings(child, path);
  }
}

function explain(error: unknown, context: CliContext): void {
  const { message, hint, details } = partsOf(error);
  if (context.json) {
    context.tell(JSON.stringify({ error: { code: codeOf(error), message, hint: hint ?? null, details } }));
    return;
  }
  context.tell(`${paint('red', 'error:', context.colours)} ${plain(message)}`);
  for (const detail of details) {
    context.tell(`  ${detail.at === undefined ? '' : `${plain(detail.at)}: `}${plain(detail.message)}`);
  }
  if (hint !== undefined) context.tell(`  hint: ${plain(hint)}`);
}

function partsOf(error: unknown): Pick<CliError, 'message' | 'hint' | 'details'> {
  if (error instanceof CliError) return error;
  if (!(error instanceof Error)) return { message: String(error), hint: undefined, details: [] };
  // Local commands throw the errors of other rooms, with the same parts.
  const { hint, details } = error as Partial<Pick<CliError, 'hint' | 'details'>>;
  return { message: error.message, hint, details: details ?? [] };
}
