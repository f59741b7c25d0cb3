import { Option, type Command } from 'commander';
import { deploymentsRoutes } from '../api/contract/index.js';
import { readBundle } from './bundle-files.js';
import type { CliContext, Register } from './context.js';
import { followRun } from './follow-run.js';
import { collect } from './options.js';
import { ensureServer } from './own-server.js';
import { planText } from './plan-text.js';

interface SourceOptions {
  on: string;
  name?: string;
  overlay?: string[];
  layout?: 'flat' | 'lvm';
  base?: string;
}

/** `muster up` and `muster plan`. */
export const registerUp: Register = (program, context) => {
  withSource(program.command('up <bundle>'))
    .summary('take a bundle to a running cluster; again: apply what changed')
    .option('-y, --yes', 'do not ask')
    .option('-d, --detach', 'do not wait for the run')
    .addHelpText(
      'after',
      `
BUNDLE is the name of a shipped bundle (muster bundles list), a file, or a folder with a bundle.yaml.

Examples:
  muster up lxd-fan --on metal
  muster up ./bundle.yaml --name prod --overlay sizes.yaml
  muster up ubuntu --on localhost          in containers; starts a server where none runs (as root)
  muster up ubuntu --yes --detach`,
    )
    .action(async (bundle: string, options: SourceOptions & { yes?: boolean; detach?: boolean }) => {
      const body = sourceOf(bundle, options);
      await ensureServer(context, options);
      const plan = await context.api.call(deploymentsRoutes.plan, { body });
      if (plan.steps.length === 0 && plan.changes.length === 0) {
        context.show({ plan, run: null }, () => `${plan.deployment}: nothing to do`);
        return;
      }
      if (!context.json) context.tell(planText(plan, { colours: context.colours, steps: false }));
      await context.confirm(plan.destroys.length > 0 ? 'Do this? Data will be lost.' : 'Do this?', options);
      const started = await context.api.call(deploymentsRoutes.up, { body: { ...body, planHash: plan.planHash } });
      if (options.detach === true) {
        context.show(started, () => `run ${started.run.id} has begun; muster logs -f ${started.run.id}`);
        return;
      }
      const run = await followRun(context, started.run.id);
      const { name } = started.deployment;
      context.show({ deployment: started.deployment, run }, () => `${name} is up. muster status ${name}`);
    });

  withSource(program.command('plan <bundle>'))
    .summary('show what `up` would do, and do nothing')
    .action(async (bundle: string, options: SourceOptions) => {
      await showPlan(context, sourceOf(bundle, options));
    });
};

async function showPlan(context: CliContext, body: ReturnType<typeof sourceOf>): Promise<void> {
  const plan = await context.api.call(deploymentsRoutes.plan, { body });
  context.show(plan, () => planText(plan, { colours: context.colours, steps: true }));
}

function withSource(command: Command): Command {
  return command
    .option('--on <cloud>', 'where: metal, localhost, or a cloud of `muster clouds list`', 'metal')
    .option('--name <name>', "the deployment's name (default: the bundle's)")
    .option('--overlay <file>', 'a bundle to lay over it; may be repeated', collect)
    .addOption(new Option('--layout <layout>', 'disk layout of metal nodes').choices(['flat', 'lvm']))
    .option('--base <os>', "instead of the bundle's base: debian@12");
}

function sourceOf(bundle: string, options: SourceOptions) {
  const { on, name, layout, base, overlay = [] } = options;
  return { ...readBundle(bundle, overlay), on, name, layout, base };
}
