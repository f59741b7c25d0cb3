import { describe, expect, it } from 'vitest';
import { TooBusy, Turnstile } from './turnstile.js';

/** Work that ends when it is told to. */
function rooms(turnstile: Turnstile) {
  const inside: string[] = [];
  const ends = new Map<string, () => void>();
  const come = (name: string, gone = false) =>
    turnstile.pass(
      () => {
        inside.push(name);
        return new Promise<string>((resolve) => ends.set(name, () => resolve(name)));
      },
      () => gone,
    );
  const settle = () => new Promise((resolve) => setTimeout(resolve, 1));
  return { inside, come, settle, end: (name: string) => ends.get(name)?.() };
}

describe('a turnstile', () => {
  it('lets in so many at a time, in the order in which they came', async () => {
    const { inside, come, settle, end } = rooms(new Turnstile({ atOnce: 2, inLine: 5, waitMs: 1000 }));
    const all = ['a', 'b', 'c', 'd'].map((name) => come(name));
    await settle();
    expect(inside).toEqual(['a', 'b']);
    end('b');
    await settle();
    expect(inside).toEqual(['a', 'b', 'c']);
    end('a');
    await settle();
    expect(inside).toEqual(['a', 'b', 'c', 'd']);
    end('c');
    end('d');
    expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('sends away who finds the line full, or stands in it for too long', async () => {
    const { inside, come, end } = rooms(new Turnstile({ atOnce: 1, inLine: 1, waitMs: 5 }));
    const first = come('a');
    const late = come('b');
    await expect(come('c')).rejects.toThrow(TooBusy);
    await expect(late).rejects.toThrow(TooBusy);
    end('a');
    await first;
    expect(inside).toEqual(['a']);
  });

  it('gives the place of one who is gone, or who fails, to the next', async () => {
    const turnstile = new Turnstile({ atOnce: 1, inLine: 5, waitMs: 1000 });
    const { inside, come, settle, end } = rooms(turnstile);
    const failing = turnstile.pass(() => Promise.reject(new Error('broken')));
    const gone = come('a', true);
    const next = come('b');
    await expect(failing).rejects.toThrow('broken');
    await expect(gone).rejects.toThrow(TooBusy);
    await settle();
    expect(inside).toEqual(['b']);
    end('b');
    await next;
    const again = come('c');
    await settle();
    end('c');
    expect(await again).toBe('c');
  });
});
