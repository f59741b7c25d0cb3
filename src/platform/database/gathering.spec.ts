import { describe, expect, it } from 'vitest';
import { Gathering } from './gathering.js';

/** Doubles numbers, and notes which it was asked together; refuses 13. */
function doubling(mostAtOnce?: number) {
  const together: number[][] = [];
  const gathering = new Gathering<number, number>(async (numbers) => {
    together.push([...numbers]);
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (numbers.includes(13)) throw new Error('13 brings bad luck');
    return numbers.map((number) => number * 2);
  }, mostAtOnce);
  return { gathering, together };
}

describe('questions of one moment', () => {
  it('are put together, and each gets its own answer', async () => {
    const { gathering, together } = doubling();
    expect(await Promise.all([1, 2, 3].map((number) => gathering.ask(number)))).toEqual([2, 4, 6]);
    expect(together).toEqual([[1, 2, 3]]);
  });

  it('that come while others are under way wait for the next look', async () => {
    const { gathering, together } = doubling();
    const first = gathering.ask(1);
    await new Promise((resolve) => setTimeout(resolve, 2));
    const later = [gathering.ask(2), gathering.ask(3)];
    expect(await Promise.all([first, ...later])).toEqual([2, 4, 6]);
    expect(together).toEqual([[1], [2, 3]]);
  });

  it('are put a number at a time', async () => {
    const { gathering, together } = doubling(2);
    await Promise.all([1, 2, 3].map((number) => gathering.ask(number)));
    expect(together).toEqual([[1, 2], [3]]);
  });

  it('do not fail by one among them', async () => {
    const { gathering } = doubling();
    const [one, bad, two] = await Promise.allSettled([1, 13, 2].map((number) => gathering.ask(number)));
    expect([one, two]).toMatchObject([{ value: 2 }, { value: 4 }]);
    expect(bad).toMatchObject({ reason: new Error('13 brings bad luck') });
    expect(await gathering.ask(5)).toBe(10);
  });
});
