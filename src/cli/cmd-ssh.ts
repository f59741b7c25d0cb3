import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deploymentsRoutes, type Connection } from '../api/contract/index.js';
import type { CliContext, Register } from './context.js';
import { CliError, EXIT, type ExitCode } from './exit-code.js';
import { quote, splitSshArguments, SSH_OPTIONS } from './ssh-options.js';

type Hop = Omit<Connection, 'via'>;

const TARGET_HELP = `
TARGET is a machine, or DEPLOYMENT:NODE, or DEPLOYMENT:UNIT. Without DEPLOYMENT, where there is but one, it may be left out.`;

/** `muster ssh` and `muster exec`: the computer's own ssh, with the pinned host key and the deployment's key. */
export const registerSsh: Register = (program, context) => {
  program
    .command('ssh <target> [arguments...]')
    .summary('log in to a node; accepts no host key but the pinned one')
    .addHelpText(
      'after',
      `\nARGUMENTS are as after the host of ssh(1): options, then a command.\n${TARGET_HELP}\n\nExamples:\n  muster ssh lxd-fan:0\n  muster ssh n1 uptime\n  muster ssh n1 -- -L 8080:localhost:80`,
    )
    .action(async (target: string, given: string[]) => {
      const { options, command } = splitSshArguments(given);
      context.exitCode = await ssh(context, target, options, command);
    });
  program
    .command('exec <target> <command...>')
    .summary('run a command on a node; its exit code is ours')
    .addHelpText('after', `${TARGET_HELP}\n\nExample:\n  muster exec lxd-fan:lxd/0 -- lxc list`)
    .action(async (target: string, command: string[]) => {
      context.exitCode = await ssh(context, target, ['-T'], [command.map(quote).join(' ')]);
    });
};

async function ssh(context: CliContext, target: string, extra: string[], command: string[]): Promise<ExitCode> {
  const connection = await connect(context, target);
  for (const hop of [connection, ...(connection.via === undefined ? [] : [connection.via])]) refuseOption(hop);
  const hangup = new Hangup();
  const folder = mkdtempSync(join(tmpdir(), 'muster-ssh-'));
  try {
    const { via } = connection;
    const proxy = via === undefined ? [] : ['-o', `ProxyCommand=${proxyCommand(via, folder)}`];
    const argv = [...sshArguments(connection, folder), ...proxy];
    return await execute(context, ['ssh', ...argv, ...extra, '--', connection.host, ...command], hangup);
  } finally {
    rmSync(folder, { recursive: true, force: true });
    hangup.end();
  }
}

/** Where the terminal is closed, ssh is ended, and not this program: the key's folder has to go. */
class Hangup {
  private heard: NodeJS.Signals | null = null;
  private child: ChildProcess | null = null;

  constructor() {
    process.on('SIGHUP', this.passOn).on('SIGTERM', this.passOn);
  }

  attach(child: ChildProcess): void {
    this.child = child;
    if (this.heard !== null) child.kill(this.heard);
  }

  end(): void {
    process.off('SIGHUP', this.passOn).off('SIGTERM', this.passOn);
  }

  private readonly passOn = (signal: NodeJS.Signals) => {
    this.heard = signal;
    this.child?.kill(signal);
  };
}

function refuseOption({ host, user }: Hop): void {
  if (!host.startsWith('-') && !user.startsWith('-')) return;
  throw new CliError(EXIT.refused, `cannot use "${user}@${host}" as an address`);
}

/** What ssh's ProxyJump does, with the key and the host keys that are ours. */
function proxyCommand(via: Hop, folder: string): string {
  return ['ssh', ...sshArguments(via, folder), '-W', '[%h]:%p', '--', via.host].map(quote).join(' ');
}

/** Writes key and known hosts into the private folder. The user's own configuration and agent play no part. */
function sshArguments(connection: Hop, folder: string): string[] {
  const alias = `muster-${connection.name}`;
  const key = join(folder, `${connection.name}.key`);
  const hosts = join(folder, `${connection.name}.known_hosts`);
  writeFileSync(key, connection.privateKey, { mode: 0o600 });
  writeFileSync(hosts, connection.hostKeys.map((hostKey) => `${alias} ${hostKey}\n`).join(''), { mode: 0o600 });
  const options = {
    ...SSH_OPTIONS,
    UserKnownHostsFile: hosts,
    HostKeyAlias: alias,
    LogLevel: 'ERROR',
  };
  const flags = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  return ['-F', '/dev/null', '-i', key, ...flags, '-p', String(connection.port), '-l', connection.user];
}

async function connect(context: CliContext, target: string): Promise<Connection> {
  const colon = target.indexOf(':');
  if (colon > 0) return connectNode(context, target.slice(0, colon), target.slice(colon + 1));
  try {
    return await context.api.call(deploymentsRoutes.machineConnection, { params: { machine: target } });
  } catch (error) {
    if (!(error instanceof CliError) || error.code !== EXIT.notFound) throw error;
  }
  const { items } = await context.api.call(deploymentsRoutes.list, {});
  const [only, another] = items;
  if (only !== undefined && another === undefined) return connectNode(context, only.name, target);
  throw new CliError(EXIT.notFound, `cannot find a machine ${target}`, 'name a node as DEPLOYMENT:NODE');
}

function connectNode(context: CliContext, deployment: string, node: string): Promise<Connection> {
  const params = { deployment, node: node.replaceAll('/', '~') };
  return context.api.call(deploymentsRoutes.connection, { params });
}

function execute(context: CliContext, argv: string[], hangup: Hangup): Promise<ExitCode> {
  const [program = '', ...rest] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, { stdio: 'inherit', env: context.io.environment });
    hangup.attach(child);
    // Ctrl-C is for the program at the other end; ssh passes it on.
    child.once('error', (error) => reject(new CliError(EXIT.failed, `cannot start ssh: ${error.message}`)));
    child.once('exit', (code) => resolve((code ?? EXIT.failed) as ExitCode));
  });
}
