import { rolesRoutes, type RoleDetail } from '../api/contract/index.js';
import { paramText } from './cmd-actions.js';
import type { Register } from './context.js';
import { table } from './format.js';
import { collectPair } from './options.js';
import { ensureServer } from './own-server.js';
import { RoleTest, roleToTest, type RoleTestOptions } from './role-test-run.js';

/** `muster roles`: what applications are made of. */
export const registerRoles: Register = (program, context) => {
  const roles = program.command('roles').alias('role').summary('what applications are made of');
  roles
    .command('list', { isDefault: true })
    .summary('show the roles that muster ships')
    .action(async () => {
      const { items } = await context.look(rolesRoutes.list, {});
      context.show(items, () =>
        table(
          ['role', 'summary'],
          items.map((role) => [role.name, role.summary]),
        ),
      );
    });
  roles
    .command('show <role>')
    .summary("show a role's options, endpoints and steps")
    .action(async (name: string) => {
      const role = await context.look(rolesRoutes.show, { params: { role: name } });
      context.show(role, () => textOf(role));
    });
  roles
    .command('test <role>')
    .summary('lay a role down on a throw-away node, twice; verify and remove it')
    .description(
      'Lays a role down on a throw-away node, twice, verifies and removes it. ROLE is one that muster ships, or a folder: roles/NAME beside a bundle.yaml.',
    )
    .option('--on <cloud>', 'where the node comes from', 'localhost')
    .option('--base <os>', "instead of the role's first base: debian@12")
    .option('--option <name=value>', 'an option of the role; may be repeated', collectPair)
    .option('--keep', 'keep the node, to look at it; muster down ends it')
    .option('-y, --yes', 'start a server without asking, where none runs on this computer')
    .addHelpText(
      'after',
      `
The second time has to change nothing on the node: its files below /etc, /usr/local, /opt and /root, packages, services and
network links are looked at before and after.

Examples:
  muster roles test hello
  muster roles test ./roles/greeter
  muster roles test lxd --option storage=btrfs --keep`,
    )
    .action(async (argument: string, options: RoleTestOptions & { yes?: boolean }) => {
      await ensureServer(context, options);
      const tested = await roleToTest(context, argument);
      await new RoleTest(context, tested, options).run();
      const { name } = tested.role;
      context.show({ role: name, passed: true }, () => `${name}: laid down twice, verified and removed`);
    });
};

function textOf(role: RoleDetail): string {
  const options = role.options.map((option) => [
    option.name,
    option.choices.length === 0 ? option.type : option.choices.join(' | '),
    String(option.default ?? ''),
    option.description,
  ]);
  const ends = (['requires', 'provides', 'peers'] as const).flatMap((kind) =>
    role[kind].map((endpoint) => [kind, endpoint.name, endpoint.interface]),
  );
  const steps = role.steps.map((step) => [step.on, step.name, step.title ?? '']);
  const parts = [`${role.name}: ${role.summary}`, `bases: ${role.bases.join(', ')}`];
  if (options.length > 0) parts.push(table(['option', 'type', 'default', ''], options));
  if (ends.length > 0) parts.push(table(['', 'endpoint', 'interface'], ends));
  if (steps.length > 0) parts.push(table(['on', 'step', ''], steps));
  const actions = role.actions.map(({ name, summary, params }) => [name, params.map(paramText).join(' '), summary]);
  if (actions.length > 0) parts.push(table(['action', 'parameters', ''], actions));
  return parts.join('\n\n');
}
