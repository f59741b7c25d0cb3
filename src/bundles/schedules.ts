import { cronProblem } from './cron-times.js';
import type { Diagnostics } from './diagnostics.js';
import { secondsOf } from './duration.js';
import { entriesOf, textOf, valueOf, type YamlNode } from './yaml-tree.js';

export const SCHEDULE_ACTIONS = ['redeploy', 'apply', 'verify', 'upgrade', 'down', 'up'] as const;
export const OVERLAP_POLICIES = ['skip', 'queue', 'replace'] as const;
export const MISSED_POLICIES = ['skip', 'once'] as const;

/** What a bundle says is to be done to its deployment, and when. */
export interface BundleSchedule {
  cron: string;
  timeZone: string;
  action: (typeof SCHEDULE_ACTIONS)[number];
  overlap: (typeof OVERLAP_POLICIES)[number];
  missed: (typeof MISSED_POLICIES)[number];
  /** It may still begin this long after its time. */
  startWithinSeconds: number;
  /** It is cancelled when it has taken this long; null: it takes what it takes. */
  longestSeconds: number | null;
  /** Paused after so many failures in a row; null: never. */
  stopAfterFailures: number | null;
  /** The deployment to which it is done first; null: none. This one is left alone where that ends badly. */
  canary: string | null;
}

export const SCHEDULE_DEFAULTS = {
  timeZone: 'UTC',
  overlap: 'skip',
  missed: 'skip',
  startWithinSeconds: 300,
  longestSeconds: null,
  stopAfterFailures: null,
  canary: null,
} as const;

/** Reads `muster: schedules:`, which has the right shape. */
export function readSchedules(node: YamlNode | null, diagnostics: Diagnostics): Map<string, BundleSchedule> {
  return new Map(
    entriesOf(node).map(([name, { keyAt, value }]) => {
      const said = (key: string) => textOf(valueOf(value, key));
      if (!/^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/.test(name))
        diagnostics.error(keyAt, `wrong name "${name}"`, 'expected small letters, digits and hyphens, at most 32');
      const cron = said('cron') ?? '';
      const timeZone = said('tz') ?? SCHEDULE_DEFAULTS.timeZone;
      const problem = cronProblem(cron, timeZone);
      const at = valueOf(value, problem?.startsWith('unknown time zone') === true ? 'tz' : 'cron')?.at ?? keyAt;
      if (problem !== null) diagnostics.error(at, problem, 'expected such as cron: "0 3 * * 0", tz: Europe/London');
      const stopAfter = said('stop-after');
      return [
        name,
        {
          cron,
          timeZone,
          action: oneOf(SCHEDULE_ACTIONS, said('action'), 'apply'),
          overlap: oneOf(OVERLAP_POLICIES, said('overlap'), SCHEDULE_DEFAULTS.overlap),
          missed: oneOf(MISSED_POLICIES, said('missed'), SCHEDULE_DEFAULTS.missed),
          startWithinSeconds: secondsOf(said('start-within')) ?? SCHEDULE_DEFAULTS.startWithinSeconds,
          longestSeconds: secondsOf(said('longest')),
          stopAfterFailures: stopAfter === null ? null : Number(stopAfter),
          canary: said('canary') ?? SCHEDULE_DEFAULTS.canary,
        },
      ];
    }),
  );
}

function oneOf<const Name extends string>(names: readonly Name[], said: string | null, otherwise: Name): Name {
  return names.find((name) => name === said) ?? otherwise;
}
