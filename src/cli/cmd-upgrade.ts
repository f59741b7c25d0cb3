import { deploymentsRoutes, upgradesRoutes, type RunDetail, type UpgradeReply } from '../api/contract/index.js';
import { readBundle } from './bundle-files.js';
import type { CliContext, Register } from './context.js';
import { CliError, EXIT } from './exit-code.js';
import { followRun } from './follow-run.js';
import { plain } from './format.js';
import { openSettings, settingsOf } from './musterfile.js';
import { collect, wholeNumber } from './options.js';
import { nothingText, planText } from './plan-text.js';
import { upgradeText } from './upgrade-text.js';

interface UpgradeOptions {
  set?: string[];
  overlay?: string[];
  dryRun?: boolean;
  rollback?: boolean;
  batch: number;
  yes?: boolean;
  detach?: boolean;
}

/** `muster upgrade`. */
export const registerUpgrade: Register = (program, context) => {
  program
    .command('upgrade <deployment> [bundle]')
    .summary('take a deployment to another bundle or other options, one failure domain at a time; or back')
    .option('--set <app.option=value>', 'an option of an application; may be repeated', collect)
    .option('--overlay <file>', 'a bundle to lay over it; may be repeated', collect)
    .option('--dry-run', 'show the order, with failure domains and an estimate, and do nothing')
    .option('--rollback', 'go back to the version of the deployment before, in the same way')
    .option('--batch <count>', 'so many units of an application at once, within a failure domain', wholeNumber, 1)
    .option('-y, --yes', 'do not ask')
    .option('-d, --detach', 'do not wait for the run')
    .addHelpText(
      'after',
      `
Units go in turn: applications in the order of what they need, a zone of machines (or a node) at a time. After each, the
checks of what was touched must pass; at the first that fails it stops, and the rest is untouched. Without a bundle the
deployment's own counts, with what roles say by now.

Examples:
  muster upgrade prod --dry-run
  muster upgrade prod ./bundle.yaml
  muster upgrade prod --set kubernetes-control-plane.version=1.34.1 --set kubernetes-worker.version=1.34.1
  muster upgrade prod --rollback --yes`,
    )
    .action(async (deployment: string, bundle: string | undefined, options: UpgradeOptions) => {
      const params = { deployment };
      const body = await wishOf(context, bundle, options);
      const plan = await context.api.call(upgradesRoutes.plan, { params, body });
      if (options.dryRun === true) {
        context.show(plan, () => textOf(context, plan));
        return;
      }
      if (plan.steps.length === 0 && plan.changes.length === 0) {
        context.show({ plan, run: null }, () => nothingText(plan));
        return;
      }
      if (!context.json) context.tell(textOf(context, plan));
      await context.confirm(plan.destroys.length > 0 ? 'Do this? Data will be lost.' : 'Do this?', options);
      const { run } = await context.api.call(upgradesRoutes.upgrade, {
        ...{ params, body: { ...body, planHash: plan.planHash } },
      });
      if (options.detach === true) {
        context.show({ plan, run }, () => `run ${run.id} has begun; muster logs -f ${run.id}`);
        return;
      }
      await follow(context, plan, run.id);
    });
};

async function follow(context: CliContext, plan: UpgradeReply, runId: string): Promise<void> {
  const stopped: RunDetail[] = [];
  try {
    const run = await followRun(context, runId, (failed) => {
      stopped.push(failed);
      return hintOf(plan.deployment, failed);
    });
    context.show({ plan, run }, () => `${run.title}: ${run.status}`);
  } catch (error) {
    if (stopped.length > 0 && !context.json) context.tell(await stateOf(context, plan.deployment));
    throw error;
  }
}

/** How far it came, where it has stopped. */
async function stateOf(context: CliContext, deployment: string): Promise<string> {
  const { upgrade } = await context.api.call(deploymentsRoutes.show, { params: { deployment } });
  return upgrade === null ? '' : upgradeText(upgrade);
}

function hintOf(deployment: string, { id, status }: RunDetail): string {
  const first = status === 'paused' ? `muster cancel ${id}, then ` : '';
  return `the rest is untouched. Mend it and go on: muster retry ${id}; or back: ${first}muster upgrade ${deployment} --rollback`;
}

async function wishOf(
  context: CliContext,
  bundle: string | undefined,
  { set = [], overlay = [], rollback = false, batch }: UpgradeOptions,
) {
  if (rollback && (bundle !== undefined || set.length > 0 || overlay.length > 0))
    throw new CliError(EXIT.usage, 'cannot go back to something new', 'give --rollback alone');
  if (bundle === undefined && overlay.length > 0)
    throw new CliError(EXIT.usage, 'cannot tell what to lay an overlay over', 'name the bundle too');
  const source = bundle === undefined ? {} : readBundle(bundle, overlay);
  return { ...source, settings: await openSettings(context, settingsOf(set)), rollback, batch };
}

function textOf(context: CliContext, plan: UpgradeReply): string {
  const stages = plan.stages.map(({ domain, units, checks }, index) => {
    const what = units.map(({ unit, steps }) => `${unit} (${steps.join(', ')})`).join(' and ');
    const then = checks.length === 0 ? 'nothing checks it' : `then ${checks.join(', ')}`;
    return `  ${String(index + 1).padStart(2)}. ${plain(domain)}: ${what}; ${then}`;
  });
  const order = stages.length === 0 ? [] : ['in this order, each when the checks before it have passed:', ...stages];
  return [planText(plan, { colours: context.colours, steps: false }), ...order].join('\n');
}
