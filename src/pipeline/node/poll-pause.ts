const [FIRST_MS, MOST_MS, MOST_SLOW_MS] = [250, 3000, 15_000];
/** A step that has been asked about so often takes long: a later answer does no harm. */
const LONG_STEP_POLLS = 10;

/**
 * How long until a node is asked again how its step is, in ms: soon at first, then less and less often. A node that takes
 * `statusMs` for its answer, because it is slow or busy, is left to its work for five times as long.
 */
export function pollPause(polls: number, statusMs: number): number {
  const pause = Math.min(FIRST_MS * 1.3 ** Math.min(polls, 20), MOST_MS);
  return polls > LONG_STEP_POLLS ? Math.max(pause, Math.min(5 * statusMs, MOST_SLOW_MS)) : pause;
}
