import type { PlanReply, Run } from '../api/contract/index.js';
import type { CliContext } from './context.js';
import { followRun } from './follow-run.js';
import { nothingText, planText } from './plan-text.js';

export interface ChangeOptions {
  yes?: boolean;
  detach?: boolean;
}

/** Shows a plan, asks, begins the run and follows it; a plan that changes nothing is not run. */
export async function carryOut(
  context: CliContext,
  plan: PlanReply,
  begin: () => Promise<Run>,
  options: ChangeOptions,
): Promise<void> {
  if (plan.steps.length === 0 && plan.changes.length === 0) {
    context.show({ plan, run: null }, () => nothingText(plan));
    return;
  }
  if (!context.json) context.tell(planText(plan, { colours: context.colours, steps: false }));
  await context.confirm(plan.destroys.length > 0 ? 'Do this? Data will be lost.' : 'Do this?', options);
  const { id } = await begin();
  if (options.detach === true) {
    context.show({ plan, run: { id } }, () => `run ${id} has begun; muster logs -f ${id}`);
    return;
  }
  const run = await followRun(context, id);
  context.show({ plan, run }, () => `${run.title}: ${run.status}`);
}
