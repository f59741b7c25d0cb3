import { MusterError } from '../error.js';

export type RunStatus = 'queued' | 'running' | 'paused' | 'succeeded' | 'failed' | 'cancelled';

export type StepStatus =
  | 'waiting' // for predecessors
  | 'ready' // could start; waits for its lane or a cap
  | 'queued' // given to the queue, or between two attempts; it holds its lane
  | 'running' // an attempt has begun; it may be between two deliveries
  | 'succeeded'
  | 'failed'
  | 'skipped'
  | 'cancelled'
  | 'needs-operator';

type Transitions<Status extends string> = Readonly<Record<Status, readonly Status[]>>;

/** What a run may become. A failed or cancelled run runs again after a retry. */
export const RUN_TRANSITIONS: Transitions<RunStatus> = {
  queued: ['running', 'cancelled', 'failed'],
  running: ['paused', 'succeeded', 'failed', 'cancelled'],
  paused: ['running', 'succeeded', 'failed', 'cancelled'],
  succeeded: [],
  failed: ['running'],
  cancelled: ['running'],
};

/** What a step may become. */
export const STEP_TRANSITIONS: Transitions<StepStatus> = {
  waiting: ['ready', 'skipped', 'cancelled'],
  ready: ['queued', 'skipped', 'cancelled'],
  queued: ['running', 'ready', 'cancelled'],
  running: ['queued', 'succeeded', 'failed', 'skipped', 'needs-operator', 'cancelled'], // skipped: it may fail, and did
  succeeded: [],
  failed: ['waiting', 'ready', 'skipped'],
  skipped: ['waiting', 'ready'], // what failed and was left out is tried again with the rest
  cancelled: ['waiting', 'ready', 'skipped'],
  'needs-operator': ['waiting', 'ready', 'skipped', 'cancelled'],
};

/** A run with one of these is not over. */
export const OPEN_RUN = ['queued', 'running', 'paused'] as const satisfies readonly RunStatus[];

/** Throws where a table names an unknown status, or has one that nothing leads to. Run at start. */
export function checkTransitions<Status extends string>(name: string, table: Transitions<Status>, first: Status): void {
  const known = new Set(Object.keys(table));
  const reached = new Set<string>();
  const open: string[] = [first];
  for (let status = open.pop(); status !== undefined; status = open.pop()) {
    if (!known.has(status))
      throw new MusterError('internal', `cannot use the ${name} statuses: "${status}" is unknown`);
    if (reached.has(status)) continue;
    reached.add(status);
    open.push(...table[status as Status]);
  }
  const unreachable = [...known].filter((status) => !reached.has(status));
  if (unreachable.length > 0) {
    throw new MusterError('internal', `cannot use the ${name} statuses: nothing leads to ${unreachable.join(', ')}`);
  }
}

/** The statuses that may become `target`: the condition of an update. */
export function mayBecome<Status extends string>(table: Transitions<Status>, target: Status): Status[] {
  return (Object.keys(table) as Status[]).filter((status) => table[status].includes(target));
}
