/**
 * Resolves after the time, when the signal aborts, or when `onPause`'s `wake` is called. Leaves nothing on the signal,
 * which may live for hours.
 */
export function pause(ms: number, signal: AbortSignal, onPause?: (wake: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
    if (signal.aborted) done();
    else onPause?.(done);
  });
}
