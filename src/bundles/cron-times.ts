import { Cron } from 'croner';

/** Null where cron line and time zone can be used, else why not. */
export function cronProblem(cron: string, timeZone: string): string | null {
  try {
    new Intl.DateTimeFormat('en', { timeZone });
  } catch {
    return `unknown time zone "${timeZone}"`;
  }
  try {
    const next = new Cron(cron, { timezone: timeZone, paused: true, mode: '5-part' }).nextRun();
    return next === null ? `"${cron}" never comes` : null;
  } catch (error) {
    return `wrong cron line "${cron}": ${error instanceof Error ? error.message : String(error)}`;
  }
}

/**
 * The next times after one, in order. On the night that the clocks go forward a time that does not exist comes at the
 * end of the gap; on the night that they go back a fixed time comes once, at its first; `*` and steps go by elapsed time.
 */
export function nextTimes(cron: string, timeZone: string, after: Date, count: number): Date[] {
  return new Cron(cron, { timezone: timeZone, paused: true, mode: '5-part' }).nextRuns(count, after);
}
