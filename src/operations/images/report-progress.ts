import type { ImageProgress } from '../../images/index.js';
import type { StepContext } from '../../pipeline/index.js';

/** Progress of image work into the step's log and progress, in order; `told` resolves when all of it is stored. */
export function reporterFor(context: StepContext): { onProgress: ImageProgress; told: () => Promise<void> } {
  let last: Promise<void> = Promise.resolve();
  let lastMessage = '';
  const onProgress: ImageProgress = (percent, message) => {
    last = last.then(async () => {
      if (message !== lastMessage) await context.log(`${message}\n`);
      lastMessage = message;
      await context.progress(percent, message);
    });
    // Whoever waits for `told` hears of a failure; until then it must not count as unhandled.
    last.catch(() => undefined);
  };
  return { onProgress, told: () => last };
}
