import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { pause } from './pause.js';

describe('a pause', () => {
  it('leaves no listener on its signal, however often there is one', async () => {
    const { signal } = new AbortController();
    for (let times = 0; times < 20; times++) await pause(0, signal);
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('ends when it is woken', async () => {
    const { signal } = new AbortController();
    await pause(60_000, signal, (wake) => setTimeout(wake, 1));
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });

  it('ends when the signal aborts, and does not begin after that', async () => {
    const controller = new AbortController();
    const paused = pause(60_000, controller.signal);
    controller.abort();
    await paused;
    await pause(60_000, controller.signal);
    expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  });
});
