import { deploymentsRoutes, type RunDetail } from '../api/contract/index.js';
import type { Register } from './context.js';
import { collect } from './options.js';
import { followRun } from './follow-run.js';
import { plain } from './format.js';
import { planText } from './plan-text.js';
import { failedNodes } from './replace-nodes.js';

/** `muster down` and `muster verify`. */
export const registerDown: Register = (program, context) => {
  program
    .command('down <deployment>')
    .summary('end a deployment: remove what it laid on hosts that stay, give machines back with their disks erased')
    .option('--forget <node>', 'a node that cannot be reached: let it go as it is; may be repeated', collect)
    .option('-y, --yes', 'do not ask')
    .option('-d, --detach', 'do not wait for the run')
    .addHelpText(
      'after',
      `
Examples:
  muster down lxd-fan
  muster down lxd-fan --forget lxd-1     where that machine is dead: it is broken until its disks were erased`,
    )
    .action(async (deployment: string, options: { forget?: string[]; yes?: boolean; detach?: boolean }) => {
      const forget = options.forget ?? [];
      const query = forget.length === 0 ? {} : { forget: forget.join(',') };
      const plan = await context.api.call(deploymentsRoutes.downPlan, { params: { deployment }, query });
      if (!context.json) context.tell(planText(plan, { colours: context.colours, steps: false }));
      await context.confirm(`End ${plan.deployment}?`, options);
      const { run } = await context.api.call(deploymentsRoutes.down, { params: { deployment }, body: { forget } });
      if (options.detach === true) {
        context.show(run, () => `run ${run.id} has begun; muster logs -f ${run.id}`);
        return;
      }
      const ended = await followRun(context, run.id, (failed) => hintOfDown(plan.deployment, forget, failed));
      const leftOut = ended.reason === null ? '' : `, but not all was removed: ${plain(ended.reason)}`;
      context.show(ended, () => `${plan.deployment} is down${leftOut}`);
    });

  program
    .command('verify <deployment>')
    .summary('run the checks that prove that a deployment works')
    .action(async (deployment: string) => {
      const { run } = await context.api.call(deploymentsRoutes.verify, { params: { deployment } });
      const ended = await followRun(context, run.id);
      // That its nodes answer is asked before, and proves nothing of what is on them.
      const checks = ended.steps.filter(({ key }) => !key.endsWith(':answers')).length;
      context.show(ended, () => `${deployment}: verified, ${checks} checks`);
    });
};

/** The others are back already; which nodes are not, and how to end without them. */
function hintOfDown(deployment: string, forgotten: readonly string[], run: RunDetail): string | null {
  const nodes = failedNodes(run);
  if (nodes.length === 0) return null;
  const all = [...new Set([...forgotten, ...nodes])].map((node) => `--forget ${node}`).join(' ');
  return `could not be given back: ${nodes.join(', ')}. Again: muster retry ${run.id}; or without them: muster down ${deployment} ${all}`;
}
