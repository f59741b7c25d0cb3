import { it } from 'vitest';

/** Steps of one long story, in the order of their numbers from 0: what was not reached is skipped, not failed. */
export function story(timed: (title: string, work: () => Promise<void>) => Promise<unknown>) {
  let reached = 0;
  return (number: number, title: string, work: () => Promise<void>): void => {
    it(title, async ({ skip }) => {
      if (reached < number) skip('a step before it failed');
      await timed(title, work);
      reached = number + 1;
    });
  };
}
