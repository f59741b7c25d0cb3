import { deploymentsRoutes } from '../api/contract/index.js';
import type { Register } from './context.js';
import { followRun } from './follow-run.js';
import { planText } from './plan-text.js';

/** `muster down` and `muster verify`. */
export const registerDown: Register = (program, context) => {
  program
    .command('down <deployment>')
    .summary('end a deployment and give its machines back, disks erased')
    .option('-y, --yes', 'do not ask')
    .option('-d, --detach', 'do not wait for the run')
    .addHelpText('after', '\nExample:\n  muster down lxd-fan')
    .action(async (deployment: string, options: { yes?: boolean; detach?: boolean }) => {
      const plan = await context.api.call(deploymentsRoutes.downPlan, { params: { deployment } });
      if (!context.json) context.tell(planText(plan, { colours: context.colours, steps: false }));
      await context.confirm(`End ${plan.deployment}?`, options);
      const { run } = await context.api.call(deploymentsRoutes.down, { params: { deployment } });
      if (options.detach === true) {
        context.show(run, () => `run ${run.id} has begun; muster logs -f ${run.id}`);
        return;
      }
      const ended = await followRun(context, run.id);
      context.show(ended, () => `${plan.deployment} is down`);
    });

  program
    .command('verify <deployment>')
    .summary('run the checks that prove that a deployment works')
    .action(async (deployment: string) => {
      const { run } = await context.api.call(deploymentsRoutes.verify, { params: { deployment } });
      const ended = await followRun(context, run.id);
      context.show(ended, () => `${deployment}: verified, ${ended.stepsTotal} checks`);
    });
};
