import type { JobState, JobWatch } from './job-state.js';

/** What was done more than once, or not exactly as the record says. Empty: nothing. */
export async function findDoubles(watch: JobWatch, job: JobState, stepFolders: readonly string[]): Promise<string[]> {
  return [
    ...(await doubledAttempts(watch, job)),
    ...doubledOnNode(job, stepFolders),
    ...(await doubledOrders(watch, job)),
  ];
}

/** One execution a step, which succeeded once: no kill may cost an attempt, for none of them is the step's own failure. */
async function doubledAttempts(watch: JobWatch, job: JobState): Promise<string[]> {
  const rows = await watch.query<{ key: string; executions: number; succeeded: number; status: string }>(
    `select step.key, step.status, count(distinct attempt.execution_id)::int as executions,
       count(*) filter (where attempt.outcome = 'succeeded')::int as succeeded
     from step left join attempt on attempt.step_id = step.id where step.run_id = $1
     group by step.id order by step.position`,
    [job.id],
  );
  return rows
    .filter(({ executions, succeeded, status }) => status === 'succeeded' && (executions !== 1 || succeeded !== 1))
    .map(({ key, executions, succeeded }) => `${key}: ${executions} executions, ${succeeded} of them succeeded`);
}

/** On the machine each script ran under one execution, and none that the record does not know. */
function doubledOnNode(job: JobState, stepFolders: readonly string[]): string[] {
  const recorded = job.steps.flatMap(({ kind, executionId }) => (kind === 'node.script' ? (executionId ?? []) : []));
  const missing = recorded.filter((id) => !stepFolders.includes(id));
  const unknown = stepFolders.filter((id) => !recorded.includes(id));
  return [
    ...missing.map((id) => `execution ${id} left no trace on the machine`),
    ...unknown.map((id) => `the machine ran an execution that is not in the record: ${id}`),
  ];
}

/** Each step's order was made once, and the disk was written once. */
async function doubledOrders(watch: JobWatch, job: JobState): Promise<string[]> {
  const orders = await watch.query<{ key: string; kind: string; status: string }>(
    'select key, kind, status from agent_order order by sequence',
  );
  const installs = orders.filter(({ kind }) => kind === 'install').length;
  const expected = job.steps.filter(({ kind }) => kind === 'machine.install').length;
  const again = orders.filter(({ key }) => / try (?!1$)\d+$/.test(key));
  return [
    ...(installs === expected ? [] : [`${installs} orders to install for ${expected} machine`]),
    ...again.map(({ key, kind, status }) => `the order to ${kind} was given again: ${key} (${status})`),
  ];
}
