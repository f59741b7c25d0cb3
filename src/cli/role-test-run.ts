import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import {
  actionsRoutes,
  changesRoutes,
  deploymentsRoutes,
  rolesRoutes,
  runsRoutes,
  type RoleDetail,
  type RunDetail,
  type RunOutput,
} from '../api/contract/index.js';
import { readRoles, type SentFile } from './bundle-files.js';
import type { CliContext } from './context.js';
import { CliError, EXIT } from './exit-code.js';
import { followRun } from './follow-run.js';
import { diagnosticText } from './plan-text.js';
import { giveUp } from './replace-nodes.js';
import {
  bareBundle,
  bundleForTest,
  LOOKER,
  lookerOverlay,
  machinesOf,
  missingSteps,
  seenChanges,
  silentSteps,
} from './role-test.js';

export interface RoleTestOptions {
  on: string;
  base?: string;
  option?: Record<string, string>;
  keep?: boolean;
}

/** A role of the library, or one of a folder with the roles beside it. */
interface TestedRole {
  role: RoleDetail;
  files: readonly SentFile[];
}

/** A folder is meant where one is there under that path, or where it looks like a path. */
export async function roleToTest(context: CliContext, argument: string): Promise<TestedRole> {
  if (!/[/.]/.test(argument))
    return { role: await context.api.call(rolesRoutes.show, { params: { role: argument } }), files: [] };
  const folder = resolve(argument);
  if (!existsSync(join(folder, 'role.yaml')))
    throw new CliError(EXIT.notFound, `cannot find ${join(argument, 'role.yaml')}`, 'name the folder of a role');
  if (basename(dirname(folder)) !== 'roles')
    throw new CliError(EXIT.usage, `cannot test ${argument}: it is not in a folder "roles"`, `as roles/NAME`);
  const files = readRoles(dirname(dirname(folder)));
  const body = { role: basename(folder), files };
  const { role, diagnostics } = await context.api.call(rolesRoutes.inspect, { body });
  for (const diagnostic of diagnostics) context.tell(diagnosticText(diagnostic));
  if (role === null) throw new CliError(EXIT.failed, `cannot test ${argument}: its role.yaml has errors`);
  return { role, files };
}

/** One test, from a new node to its end. Throws what was wrong; the node is given back in any case, unless it is kept. */
export class RoleTest {
  private readonly name: string;
  private readonly role: RoleDetail;
  private lastRun: string | null = null;

  constructor(
    private readonly context: CliContext,
    private readonly tested: TestedRole,
    private readonly options: RoleTestOptions,
  ) {
    this.role = tested.role;
    this.name = `test-${this.role.name}-${randomBytes(3).toString('hex')}`;
  }

  async run(): Promise<void> {
    this.refuseUntestable();
    try {
      await this.lay();
      await this.layAgain();
      await this.verify();
      await this.remove();
    } finally {
      if (this.options.keep !== true) await this.down();
      else this.context.tell(`the node is kept: muster status ${this.name}; muster down ${this.name}`);
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
    const { files } = this.tested;
    const tested = { path: 'bundle.yaml', text: bundleForTest(this.role, this.options.option ?? {}) };
    await this.up([tested, ...files]);
    // Afterwards: the role has had nodes with nothing else on them.
    const overlay = { path: 'looker.yaml', text: lookerOverlay(machinesOf(await this.deployment())) };
    await this.up([tested, overlay, ...files], [overlay.path]);
    await this.look();
  }

  private async layAgain(): Promise<void> {
    this.context.tell('laying it down again: nothing may change');
    const params = { deployment: this.name };
    const begun = await this.context.api.call(changesRoutes.apply, { params, body: { again: true, action: 'apply' } });
    const run = await this.follow(begun.run.id);
    const deployment = await this.deployment();
    const left = missingSteps(this.role, deployment, run, 'apply');
    if (left.length > 0) throw this.wrong(`cannot be laid down again: ${left.join(', ')}`, ONCE_HINT);
    const changes = seenChanges(await this.look(), deployment);
    if (changes.length > 0) throw this.wrong('the second time was not without a change', UNCHANGED_HINT, changes);
    const silent = silentSteps(this.role, deployment, run);
    const steps = silent.length === 1 ? '1 step' : `${silent.length} steps`;
    const unsaid = silent.length === 0 ? '' : `; ${steps} did not say so: ${silent.join(', ')}`;
    this.context.tell(`nothing was seen to change${unsaid}`);
  }

  /** Has each machine say what has changed on it since it was asked last. */
  private async look(): Promise<RunOutput[]> {
    const body = { target: LOOKER, action: 'changes', params: {} };
    const { run } = await this.context.api.call(actionsRoutes.run, { params: { deployment: this.name }, body });
    await this.follow(run.id);
    return (await this.context.api.call(runsRoutes.outputs, { params: { run: run.id } })).items;
  }

  private async verify(): Promise<void> {
    const { run } = await this.context.api.call(deploymentsRoutes.verify, { params: { deployment: this.name } });
    await this.follow(run.id);
  }

  private async remove(): Promise<void> {
    this.context.tell('taking it away');
    const deployment = await this.deployment();
    const bare = { path: 'bundle.yaml', text: bareBundle(this.role.name, machinesOf(deployment)) };
    const run = await this.up([bare]);
    const missing = missingSteps(this.role, deployment, run, 'remove');
    if (missing.length > 0) throw this.wrong(`it was not taken away: ${missing.join(', ')} did not run`);
  }

  private async up(files: SentFile[], overlays: string[] = []): Promise<RunDetail> {
    const body = { files, overlays, on: this.options.on, name: this.name, base: this.options.base };
    const started = await this.context.api.call(deploymentsRoutes.up, { body });
    return this.follow(started.run.id);
  }

  private follow(runId: string): Promise<RunDetail> {
    this.lastRun = runId;
    return followRun(this.context, runId);
  }

  /** Also after Ctrl-C, which then ends the waiting alone. */
  private async down(): Promise<void> {
    if (this.lastRun === null) return;
    const { signal } = new AbortController();
    const last = await this.context.api.call(runsRoutes.show, { params: { run: this.lastRun } });
    if (['queued', 'running', 'paused'].includes(last.status)) await giveUp(this.context, last.id, signal);
    const params = { deployment: this.name };
    const { run } = await this.context.api.call(deploymentsRoutes.down, { params, body: { forget: [] } });
    await followRun(this.context, run.id);
  }

  private deployment() {
    return this.context.api.call(deploymentsRoutes.show, { params: { deployment: this.name } });
  }

  private wrong(what: string, hint?: string, details: readonly string[] = []): CliError {
    const told = details.map((message) => ({ message }));
    return new CliError(EXIT.failed, `role ${this.role.name}: ${what}`, hint, told);
  }
}

const UNCHANGED_HINT = 'a script looks before it acts; see docs/roles.md, and muster logs';
const ONCE_HINT = 'say repeatable: true where the script may run twice, or give it a check:; see docs/roles.md';
