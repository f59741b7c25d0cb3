import { z } from 'zod';
import type { StepContext } from '../../pipeline/index.js';

/** A file of a bundle in the input of a step. */
export const bundleFile = z.object({
  name: z.string(),
  text: z.string(),
  attached: z.literal(true).optional(),
  encoding: z.literal('base64').optional(),
});

/** A sign of life as well. */
const TELL_EVERY_MS = 1000;

/** Progress in order, not more often than is of use; `told` resolves when all of it is stored. */
export function reporter(context: StepContext): {
  tell: (percent: number, message: string) => void;
  told: () => Promise<void>;
} {
  let last: Promise<void> = Promise.resolve();
  let at = 0;
  let said = '';
  const tell = (percent: number, message: string) => {
    const now = context.clock.now().getTime();
    if (message === said && now - at < TELL_EVERY_MS) return;
    [at, said] = [now, message];
    last = last.then(() => context.progress(Math.min(99, Math.floor(percent)), message));
    // Whoever waits for `told` hears of a failure; until then it must not count as unhandled.
    last.catch(() => undefined);
  };
  return { tell, told: () => last };
}
