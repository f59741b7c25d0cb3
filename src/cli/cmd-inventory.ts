import { exportsRoutes, type DeploymentReach } from '../api/contract/index.js';
import type { CliContext, Register } from './context.js';
import { CliError, EXIT } from './exit-code.js';
import { writePrivate } from './private-files.js';
import { hostAlias, hostKeyAlias, sshFiles, writeSshFiles, type SshFiles } from './ssh-files.js';
import { quote, SSH_OPTIONS } from './ssh-options.js';

interface InventoryOptions {
  list?: boolean;
  host?: string;
  script?: string;
}

type ReachableNode = DeploymentReach['nodes'][number];
type HostVars = Record<string, string | number | string[]>;

/** `muster inventory`: the nodes of a deployment as Ansible wants to be told of them. */
export const registerInventory: Register = (program, context) => {
  program
    .command('inventory <deployment>')
    .summary("a deployment as Ansible's dynamic inventory")
    .option('--list', 'all groups and hosts (what is done without it, too)')
    .option('--host <host>', 'the variables of one host')
    .option('--script <file>', 'write a script that Ansible takes as an inventory: ansible -i FILE')
    .addHelpText(
      'after',
      `
Groups are applications and cloud_CLOUD, with _ for every hyphen; hosts are DEPLOYMENT.NODE. What ssh needs is written to
~/.config/muster/ssh/DEPLOYMENT, as by "muster ssh-config".

Examples:
  muster inventory prod --script prod.sh
  muster inventory prod --host prod.0`,
    )
    .action(async (deployment: string, options: InventoryOptions) => {
      if (options.script !== undefined) await writeScript(context, deployment, options.script);
      else await print(context, deployment, options.host);
    });
};

async function print(context: CliContext, deployment: string, host: string | undefined): Promise<void> {
  const files = sshFiles(context, deployment);
  const { reach } = await writeSshFiles(context, deployment, files);
  const inventory = inventoryOf(reach, files);
  if (host === undefined) {
    context.print(JSON.stringify(inventory, null, 2));
    return;
  }
  const found = inventory._meta.hostvars[host];
  if (found !== undefined) {
    context.print(JSON.stringify(found, null, 2));
    return;
  }
  const known = Object.keys(inventory._meta.hostvars).join(', ');
  throw new CliError(EXIT.notFound, `cannot find a host ${host} in ${deployment}`, `its hosts: ${known}`);
}

/** Names the deployment alone: nodes are asked for whenever Ansible runs it. */
async function writeScript(context: CliContext, deployment: string, file: string): Promise<void> {
  await context.api.call(exportsRoutes.reach, { params: { deployment } });
  const api = context.namesServer ? ` --api ${quote(context.apiUrl)}` : '';
  writePrivate(file, `#!/bin/sh\nexec muster${api} inventory ${quote(deployment)} "$@"\n`, 0o700);
  context.show({ script: file }, () => `${file}: ansible -i ${file} all -m ping`);
}

interface Inventory {
  _meta: { hostvars: Record<string, HostVars> };
  [group: string]: { hosts: string[] } | { children: string[] } | Inventory['_meta'];
}

function inventoryOf(reach: DeploymentReach, files: SshFiles): Inventory {
  const { deployment, cloud } = reach;
  // A clone is for looking at: what is done to all is not meant for it.
  const nodes = reach.nodes.filter(({ cloneOf }) => cloneOf === null);
  const groups = new Map<string, string[]>();
  const join = (group: string, node: ReachableNode) => {
    const hosts = groups.get(group) ?? [];
    groups.set(group, [...new Set([...hosts, hostAlias(deployment, node.key)])]);
  };
  for (const node of nodes) {
    for (const unit of node.units) join(groupName(unit.replace(/\/.*/, '')), node);
    join(groupName(`cloud_${cloud}`), node);
    join(groupName(`deployment_${deployment}`), node);
  }
  const sorted = [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    _meta: {
      hostvars: Object.fromEntries(
        nodes.map((node) => [hostAlias(deployment, node.key), variablesOf(node, reach, files)]),
      ),
    },
    all: { children: sorted.map(([group]) => group) },
    ...Object.fromEntries(sorted.map(([group, hosts]) => [group, { hosts }])),
  };
}

/** Ansible takes letters, digits and underscores, and two names are its own. */
function groupName(name: string): string {
  const allowed = name.replaceAll(/[^A-Za-z0-9_]/g, '_');
  return ['all', 'ungrouped', '_meta'].includes(allowed) ? `${allowed}_` : allowed;
}

function variablesOf(node: ReachableNode, { deployment, cloud }: DeploymentReach, files: SshFiles): HostVars {
  return {
    ansible_host: node.host,
    ansible_port: node.port,
    ansible_user: node.user,
    ansible_ssh_private_key_file: files.key,
    ansible_ssh_common_args: sshArguments(node, deployment, files),
    muster_deployment: deployment,
    muster_cloud: cloud,
    muster_node: node.key,
    muster_name: node.name,
    muster_address: node.address,
    muster_units: node.units,
  };
}

/** As a shell would take them. What goes through a host asks the configuration that is beside the key for it. */
function sshArguments({ key, on }: ReachableNode, deployment: string, files: SshFiles): string {
  const options: Record<string, string> = {
    ...SSH_OPTIONS,
    UserKnownHostsFile: files.knownHosts,
    HostKeyAlias: hostKeyAlias(deployment, key),
  };
  if (on !== null)
    options.ProxyCommand = ['ssh', '-F', files.config, '-W', '[%h]:%p', hostAlias(deployment, on)].map(quote).join(' ');
  return Object.entries(options)
    .flatMap(([name, value]) => ['-o', quote(`${name}=${value}`)])
    .join(' ');
}
