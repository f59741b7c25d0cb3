import { randomBytes } from 'node:crypto';
import { deploymentsRoutes, rolesRoutes, type RoleDetail, type RunDetail } from '../api/contract/index.js';
import type { CliContext, Register } from './context.js';
import { CliError, EXIT } from './exit-code.js';
import { followRun } from './follow-run.js';
import { table } from './format.js';
import { collectPair } from './options.js';
import { bareBundle, bundleForTest, changedSteps, missingSteps } from './role-test.js';

interface TestOptions {
  on: string;
  base?: string;
  option?: Record<string, string>;
  keep?: boolean;
}

/** `muster roles`: what applications are made of. */
export const registerRoles: Register = (program, context) => {
  const roles = program.command('roles').alias('role').summary('what applications are made of');
  roles
    .command('list', { isDefault: true })
    .summary('show the roles that muster ships')
    .action(async () => {
      const { items } = await context.api.call(rolesRoutes.list, {});
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
      const role = await context.api.call(rolesRoutes.show, { params: { role: name } });
      context.show(role, () => textOf(role));
    });
  roles
    .command('test <role>')
    .summary('lay a role down on a throw-away node, twice; verify and remove it')
    .option('--on <cloud>', 'where the node comes from', 'localhost')
    .option('--base <os>', "instead of the role's first base: debian@12")
    .option('--option <name=value>', 'an option of the role; may be repeated', collectPair)
    .option('--keep', 'keep the node, to look at it; muster down ends it')
    .addHelpText(
      'after',
      `
The second time has to change nothing: every step says so, by a check that exits 0 or by calling muster-unchanged.

Examples:
  muster roles test hello
  muster roles test lxd --option storage=btrfs --keep`,
    )
    .action(async (name: string, options: TestOptions) => {
      const role = await context.api.call(rolesRoutes.show, { params: { role: name } });
      await new RoleTest(context, role, options).run();
      context.show({ role: name, passed: true }, () => `${name}: laid down twice, verified and removed`);
    });
};

/** One test, from a new node to its end. Throws what was wrong; the node is given back in any case, unless it is kept. */
class RoleTest {
  private readonly name: string;

  constructor(
    private readonly context: CliContext,
    private readonly role: RoleDetail,
    private readonly options: TestOptions,
  ) {
    this.name = `test-${role.name}-${randomBytes(3).toString('hex')}`;
  }

  async run(): Promise<void> {
    let isUp = false;
    try {
      this.refuseUntestable();
      isUp = true;
      await this.lay();
      await this.layAgain();
      await this.verify();
      await this.remove();
    } finally {
      if (isUp && this.options.keep !== true) await this.down();
      else if (isUp) this.context.tell(`the node is kept: muster status ${this.name}; muster down ${this.name}`);
    }
  }

  private refuseUntestable(): void {
    for (const [on, what] of [
      ['verify', 'no step that proves that it works (on: verify)'],
      ['remove', 'no step that takes it away (on: remove)'],
    ] as const) {
      if (!this.role.steps.some((step) => step.on === on)) throw this.wrong(`it has ${what}`);
    }
  }

  private async lay(): Promise<void> {
    this.context.tell(`laying ${this.role.name} down on ${this.options.on} as ${this.name}`);
    await this.up(bundleForTest(this.role, this.options.option ?? {}));
  }

  private async layAgain(): Promise<void> {
    this.context.tell('laying it down again: nothing may change');
    const run = await this.up(bundleForTest(this.role, this.options.option ?? {}));
    const changed = changedSteps(this.role, await this.deployment(), run);
    if (changed.length > 0)
      throw this.wrong(`the second time was not without a change: ${changed.join(', ')}`, UNCHANGED_HINT);
  }

  private async verify(): Promise<void> {
    const { run } = await this.context.api.call(deploymentsRoutes.verify, { params: { deployment: this.name } });
    await followRun(this.context, run.id);
  }

  private async remove(): Promise<void> {
    this.context.tell('taking it away');
    const deployment = await this.deployment();
    const run = await this.up(bareBundle(this.role.name, deployment.nodes.map(({ key }) => key).sort()));
    const missing = missingSteps(this.role, deployment, run, 'remove');
    if (missing.length > 0) throw this.wrong(`it was not taken away: ${missing.join(', ')} did not run`);
  }

  private async up(text: string): Promise<RunDetail> {
    const { on, base } = this.options;
    const files = [{ path: 'bundle.yaml', text }];
    const started = await this.context.api.call(deploymentsRoutes.up, { body: { files, on, name: this.name, base } });
    return followRun(this.context, started.run.id);
  }

  private async down(): Promise<void> {
    const params = { deployment: this.name };
    const { run } = await this.context.api.call(deploymentsRoutes.down, { params, body: { forget: [] } });
    await followRun(this.context, run.id);
  }

  private deployment() {
    return this.context.api.call(deploymentsRoutes.show, { params: { deployment: this.name } });
  }

  private wrong(what: string, hint?: string): CliError {
    return new CliError(EXIT.failed, `role ${this.role.name}: ${what}`, hint);
  }
}

const UNCHANGED_HINT =
  'a script that finds everything as it is wanted calls muster-unchanged; see docs/roles.md, and muster logs';

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
  return parts.join('\n\n');
}
