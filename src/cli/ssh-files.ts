import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { exportsRoutes, type DeploymentReach } from '../api/contract/index.js';
import type { CliContext } from './context.js';
import { CliError, EXIT } from './exit-code.js';
import { writePrivate } from './private-files.js';
import { SSH_OPTIONS } from './ssh-options.js';

/** Where the files are that ssh reads. */
export interface SshFiles {
  config: string;
  key: string;
  knownHosts: string;
}

/** `~/.config/muster/ssh/DEPLOYMENT/`, or beside a file of one's choice. */
export function sshFiles(context: CliContext, deployment: string, output?: string): SshFiles {
  if (output !== undefined) {
    const config = resolve(output);
    return { config, key: `${config}.key`, knownHosts: `${config}.known_hosts` };
  }
  const { XDG_CONFIG_HOME, HOME } = context.io.environment;
  const home = (XDG_CONFIG_HOME ?? '') === '' ? join(HOME ?? homedir(), '.config') : (XDG_CONFIG_HOME ?? '');
  const folder = join(home, 'muster', 'ssh', deployment);
  return { config: join(folder, 'config'), key: join(folder, 'key'), knownHosts: join(folder, 'known_hosts') };
}

/** Asks how the nodes of a deployment are reached, and writes what ssh needs for it, for this user alone. */
export async function writeSshFiles(
  context: CliContext,
  deployment: string,
  files: SshFiles,
): Promise<{ reach: DeploymentReach; config: string }> {
  // ssh hands the path of its configuration to a shell as it is, and reads % and ${ in others.
  if (!/^[\w@+=:,./-]+$/.test(files.config))
    throw new CliError(EXIT.usage, `cannot use ${files.config}: ssh takes no such path`, 'letters, digits and /_.-');
  const reach = await context.api.call(exportsRoutes.reach, { params: { deployment } });
  const config = sshConfig(reach, files);
  writePrivate(files.key, reach.privateKey);
  writePrivate(files.knownHosts, knownHosts(reach));
  writePrivate(files.config, config);
  return { reach, config };
}

/** `prod.0`: no colon, which scp would take for the end of a host's name, and no slash, which it would take for a path. */
export function hostAlias(deployment: string, node: string): string {
  return `${deployment}.${node.replaceAll('/', '-')}`;
}

/** Under which name known_hosts has its keys. */
export function hostKeyAlias(deployment: string, node: string): string {
  return `muster-${hostAlias(deployment, node)}`;
}

function sshConfig(reach: DeploymentReach, files: SshFiles): string {
  const { deployment, nodes } = reach;
  const common = {
    ...SSH_OPTIONS,
    IdentityFile: files.key,
    UserKnownHostsFile: files.knownHosts,
  };
  const taken = new Set<string>();
  const blocks = nodes.map((node) => {
    for (const part of [node.host, node.user]) refuseOption(part);
    return block(hostNames(deployment, node, nodes, taken), {
      ...{ HostName: node.host, Port: String(node.port), User: node.user },
      HostKeyAlias: hostKeyAlias(deployment, node.key),
      ...(node.on === null ? {} : { ProxyJump: hostAlias(deployment, node.on) }),
    });
  });
  const comment = `# Deployment ${deployment}, by \`muster ssh-config ${deployment}\`. Write it again when nodes have changed.`;
  return `${[comment, ...blocks, block([`${deployment}.*`, `${deployment}:*`], common)].join('\n\n')}\n`;
}

const block = (names: readonly string[], options: Record<string, string>) =>
  [`Host ${names.join(' ')}`, ...Object.entries(options).map(([name, value]) => `  ${name} ${value}`)].join('\n');

type ReachableNode = DeploymentReach['nodes'][number];

/** As `muster ssh` has them (`prod:0`, `prod:web/0`), and as scp can have them (`prod.0`, `prod.web-0`). */
function hostNames(
  deployment: string,
  { key, units }: ReachableNode,
  nodes: readonly ReachableNode[],
  taken: Set<string>,
): string[] {
  const keys = new Set(nodes.map((node) => hostAlias(deployment, node.key)));
  // A node goes before a unit that would be called as it is.
  const ofUnits = units.map((unit) => hostAlias(deployment, unit)).filter((alias) => !keys.has(alias));
  const all = [hostAlias(deployment, key), ...ofUnits, ...[key, ...units].map((each) => `${deployment}:${each}`)];
  const own = [...new Set(all)].filter((name) => !taken.has(name));
  for (const name of own) taken.add(name);
  return own;
}

function knownHosts({ deployment, nodes }: DeploymentReach): string {
  const lines = nodes.flatMap(({ key, hostKeys }) =>
    hostKeys.map((hostKey) => `${hostKeyAlias(deployment, key)} ${hostKey}\n`),
  );
  return lines.join('');
}

/** A value that ssh would read as an option, or as more than one line. */
function refuseOption(value: string): void {
  if (/^[^-\s"#][^\s"]*$/.test(value)) return;
  throw new CliError(EXIT.refused, `cannot use "${value}" as an address`);
}
