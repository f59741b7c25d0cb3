import type { Command } from 'commander';
import { deploymentsRoutes, nodesRoutes } from '../api/contract/index.js';
import type { CliContext, Register } from './context.js';
import { followRun } from './follow-run.js';
import { table } from './format.js';
import { planText } from './plan-text.js';

/** `muster nodes`: the nodes of a deployment; snapshots, clones and moves of those that are containers on others. */
export const registerNodes: Register = (program, context) => {
  const nodes = program
    .command('nodes')
    .summary('nodes of a deployment; snapshots, clones and moves of containers on them');
  nodes
    .command('list <deployment>')
    .summary('show the nodes of a deployment')
    .action(async (deployment: string) => {
      const { nodes: items } = await context.api.call(deploymentsRoutes.show, { params: { deployment } });
      const rows = items.map(({ key, name, address, on, cloneOf }) => [key, name, address, on ?? '', cloneOf ?? '']);
      context.show(items, () => table(['node', 'name', 'address', 'is on', 'clone of'], rows));
    });
  registerSnapshots(nodes, context);
  registerClones(nodes, context);
  registerMoves(nodes, context);
};

function registerSnapshots(nodes: Command, context: CliContext): void {
  nodes
    .command('snapshot <deployment> <node> <snapshot>')
    .summary('keep the state of a container under a name')
    .addHelpText('after', '\nExample:\n  muster nodes snapshot prod 0/lxd/easyrsa-0 before-upgrade')
    .action((deployment: string, node: string, snapshot: string) =>
      act(context, { deployment, node, snapshot, action: 'create' }),
    );
  nodes
    .command('restore <deployment> <node> <snapshot>')
    .summary('take a container back to a state that was kept; what came after is lost')
    .option('-y, --yes', 'do not ask')
    .action(async (deployment: string, node: string, snapshot: string, options: { yes?: boolean }) => {
      await context.confirm(`Lose what ${node} became since ${snapshot}?`, options);
      await act(context, { deployment, node, snapshot, action: 'restore' });
    });
  nodes
    .command('forget-snapshot <deployment> <node> <snapshot>')
    .summary('delete a state that was kept')
    .option('-y, --yes', 'do not ask')
    .action(async (deployment: string, node: string, snapshot: string, options: { yes?: boolean }) => {
      await context.confirm(`Delete the snapshot ${snapshot} of ${node}?`, options);
      await act(context, { deployment, node, snapshot, action: 'delete' });
    });
}

interface SnapshotWish {
  deployment: string;
  node: string;
  snapshot: string;
  action: 'create' | 'restore' | 'delete';
}

async function act(context: CliContext, { deployment, node, snapshot, action }: SnapshotWish): Promise<void> {
  const params = { deployment, node: inPath(node) };
  const { run } = await context.api.call(nodesRoutes.snapshot, { params, body: { action, snapshot } });
  const ended = await followRun(context, run.id);
  context.show(ended, () => `${node}: ${action} snapshot ${snapshot}: done`);
}

function registerClones(nodes: Command, context: CliContext): void {
  nodes
    .command('clone <deployment> <node>')
    .summary('copy a container on its host, to look at it or try things in it')
    .option('--name <name>', 'what the copy is called beside its original', 'clone')
    .addHelpText(
      'after',
      `
It has its own name, address, machine id and SSH host key, and the same limits. It is started with SSH alone: nothing that
its original runs is started in it. \`muster up\` leaves it alone; \`muster nodes delete\` and \`muster down\` take it away.

Example:
  muster nodes clone prod 0/lxd/easyrsa-0 --name look
  muster ssh prod:0/lxd/easyrsa-0.look`,
    )
    .action(async (deployment: string, node: string, { name }: { name: string }) => {
      const params = { deployment, node: inPath(node) };
      const { run } = await context.api.call(nodesRoutes.clone, { params, body: { name } });
      const ended = await followRun(context, run.id);
      context.show(ended, () => `${ended.title}: ${ended.status}; muster nodes list ${deployment} shows it`);
    });
  nodes
    .command('delete <deployment> <node>')
    .summary('delete a clone')
    .option('-y, --yes', 'do not ask')
    .action(async (deployment: string, node: string, options: { yes?: boolean }) => {
      await context.confirm(`Delete ${node} with all that is in it?`, options);
      const { run } = await context.api.call(nodesRoutes.delete, { params: { deployment, node: inPath(node) } });
      const ended = await followRun(context, run.id);
      context.show(ended, () => `${node} is deleted`);
    });
}

/** A key has slashes, which a path cannot have. */
const inPath = (node: string) => node.replaceAll('/', '~');

interface MoveOptions {
  to?: string;
  yes?: boolean;
}

function registerMoves(nodes: Command, context: CliContext): void {
  nodes
    .command('move <deployment> <node>')
    .summary('take a container to another node: it is stopped, sent and started there')
    .option('--to <node>', 'where to (default: the node with the fewest containers)')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', '\nExample:\n  muster nodes move prod 0/lxd/easyrsa-0 --to 1')
    .action((deployment: string, node: string, options: MoveOptions) => move(context, deployment, { node }, options));
  nodes
    .command('evacuate <deployment> <node>')
    .summary('take all containers of a node to others, before work on it')
    .option('--to <node>', 'all to this one (default: each to the node with the fewest containers)')
    .option('-y, --yes', 'do not ask')
    .action((deployment: string, evacuate: string, options: MoveOptions) =>
      move(context, deployment, { evacuate }, options),
    );
}

async function move(
  context: CliContext,
  deployment: string,
  what: { node?: string; evacuate?: string },
  options: MoveOptions,
): Promise<void> {
  const params = { deployment };
  const wish = { ...what, to: options.to };
  const plan = await context.api.call(nodesRoutes.planMove, { params, body: wish });
  if (!context.json) context.tell(planText(plan, { colours: context.colours, steps: false }));
  await context.confirm('Do this? Each is away while it is moved.', options);
  const { run } = await context.api.call(nodesRoutes.move, { params, body: { ...wish, planHash: plan.planHash } });
  const ended = await followRun(context, run.id);
  context.show(
    ended,
    () => `${ended.title}: ${ended.status}; muster diff ${deployment} says who reads an address that changed`,
  );
}
