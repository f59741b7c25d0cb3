import { nextTimes } from '../../bundles/index.js';
import type { Schedule } from './schedule.entity.js';

export interface Due {
  /** The time that fires, or is put down as missed. */
  at: Date;
  isMissed: boolean;
  /** Strictly after now and after `at`: a clock that is set back makes nothing fire twice. */
  nextAt: Date;
}

/**
 * What a schedule whose time has come is to do now. A time is missed when more than the window has gone by since; with
 * `missed: once` the last one of those that went by fires all the same.
 */
export function dueAt(
  schedule: Pick<Schedule, 'cron' | 'timeZone' | 'nextAt' | 'startWithinSeconds' | 'missed'>,
  now: Date,
): Due {
  const at = latestUntil(schedule, now);
  const late = now.getTime() - at.getTime() > schedule.startWithinSeconds * 1000;
  const from = now > at ? now : at;
  const [next] = nextTimes(schedule.cron, schedule.timeZone, from, 1);
  return { at, isMissed: late && schedule.missed === 'skip', nextAt: next ?? FAR };
}

/** For a cron line that never comes again. */
const FAR = new Date('9999-01-01T00:00:00Z');
const MANY = 500;

/** The last time up to now, from the one that is due on: those between went by together. */
function latestUntil({ cron, timeZone, nextAt }: Pick<Schedule, 'cron' | 'timeZone' | 'nextAt'>, now: Date): Date {
  let latest = nextAt;
  for (let rounds = 0; rounds < 20; rounds += 1) {
    const times = nextTimes(cron, timeZone, latest, MANY).filter((time) => time <= now);
    latest = times.at(-1) ?? latest;
    if (times.length < MANY) return latest;
  }
  return latest;
}
