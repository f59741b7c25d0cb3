import { describe, expect, it } from 'vitest';
import { readSwarmOptions } from './swarm-options.js';

describe('options of the swarm', () => {
  it('have defaults', () => {
    expect(readSwarmOptions({})).toEqual({ machines: 1000, rate: 100, json: false });
  });

  it('are read from text', () => {
    expect(readSwarmOptions({ machines: '50', rate: '2.5', wholeBootFiles: '0' })).toMatchObject({
      machines: 50,
      rate: 2.5,
      wholeBootFiles: 0,
    });
  });

  it('are all refused at once', () => {
    const read = () => readSwarmOptions({ machines: '0', rate: 'fast', wholeBootFiles: '-1' });
    expect(read).toThrow(
      expect.objectContaining({
        details: [
          expect.objectContaining({ at: '--machines' }),
          expect.objectContaining({ at: '--rate' }),
          expect.objectContaining({ at: '--whole-boot-files' }),
        ],
      }) as Error,
    );
  });
});
