import { changesRoutes, runsRoutes, type RunDetail } from '../api/contract/index.js';
import { carryOut, type ChangeOptions } from './change-plan.js';
import type { CliContext } from './context.js';
import { CliError, EXIT } from './exit-code.js';
import { pause } from './pause.js';

/** Keys of the nodes on which steps of a run failed. */
export function failedNodes({ steps }: RunDetail): string[] {
  const failed = steps.filter(({ status }) => status === 'failed' || status === 'needs-operator');
  return [...new Set(failed.flatMap(({ key, lane }) => nodeOf(key, lane) ?? []))];
}

/** Steps of a node are called `node/<key>:…`, and those of a unit run in the node's lane. */
function nodeOf(key: string, lane: string | null): string | null {
  const name = key.startsWith('node/') ? key.slice(0, key.lastIndexOf(':')) : lane;
  return name?.startsWith('node/') === true ? name.slice('node/'.length) : null;
}

/** `muster retry RUN --replace`: the run is given up, and a plan with other nodes in the place of these takes over. */
export async function replaceNodes(
  context: CliContext,
  runId: string,
  given: readonly string[],
  options: ChangeOptions,
): Promise<void> {
  const run = await context.api.call(runsRoutes.show, { params: { run: runId } });
  if (run.subject.kind !== 'deployment')
    throw new CliError(EXIT.usage, `cannot replace a node of ${run.title}: it is not about a deployment`);
  const replace = given.length === 0 ? failedNodes(run) : [...given];
  if (replace.length === 0)
    throw new CliError(
      EXIT.usage,
      `cannot tell which node to replace: no step of ${run.title} failed on one`,
      'name it',
    );
  const params = { deployment: run.subject.id };
  const plan = await context.api.call(changesRoutes.plan, { params, body: { replace } });
  const begin = async () => {
    if (run.status === 'paused') await giveUp(context, run.id);
    const body = { replace, action: 'replace' as const, planHash: plan.planHash };
    return (await context.api.call(changesRoutes.apply, { params, body })).run;
  };
  await carryOut(context, plan, begin, options);
}

/** A run that waits for an operator has nothing in flight, so it is over at once, or very soon; another has to stop first. */
export async function giveUp(context: CliContext, run: string, signal = context.io.signal): Promise<void> {
  await context.api.call(runsRoutes.cancel, { params: { run } });
  for (let tries = 0; tries < 300; tries += 1) {
    const { status } = await context.api.call(runsRoutes.show, { params: { run } });
    if (status === 'cancelled') return;
    await pause(200, signal);
  }
}
