import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { SecretBox } from './index.js';

const key = () => randomBytes(32);

describe('a sealed secret', () => {
  const box = new SecretBox([key()]);

  it('opens to what was sealed', () => {
    for (const secret of ['', 'hunter2', 'Grüße 🔑', 'x'.repeat(100_000)]) {
      expect(box.open(box.seal(secret, 'row'), 'row')).toBe(secret);
    }
  });

  it('shows nothing, and is never twice the same', () => {
    const [one, two] = [box.seal('hunter2', 'row'), box.seal('hunter2', 'row')];
    expect(one).not.toContain('hunter2');
    expect(one).not.toBe(two);
  });

  it('does not open in another row', () => {
    expect(() => box.open(box.seal('hunter2', 'row 1'), 'row 2')).toThrow(/changed, or it belongs to another row/);
  });

  it('does not open when any part was changed or cut', () => {
    const sealed = box.seal('hunter2', 'row');
    for (let at = sealed.indexOf('.') + 1; at < sealed.length; at += 3) {
      const swapped = sealed[at] === 'A' ? 'Q' : 'A';
      expect(() => box.open(sealed.slice(0, at) + swapped + sealed.slice(at + 1), 'row')).toThrow(/^cannot open/);
      expect(() => box.open(sealed.slice(0, at), 'row')).toThrow(/^cannot open/);
    }
    for (const noise of ['', 'hunter2', 's1...', 's2.a.b.c', 's1.a.b.c.d']) {
      expect(() => box.open(noise, 'row')).toThrow(/^cannot open/);
    }
  });

  it('does not open under another key, and says which one it needs', () => {
    const sealed = box.seal('hunter2', 'row');
    expect(() => new SecretBox([key()]).open(sealed, 'row')).toThrow(/sealed under key [0-9a-f]{12}, which is not/);
  });
});

describe('wrapping again', () => {
  it('moves a secret to the new key without touching its value', () => {
    const [old, fresh] = [key(), key()];
    const sealed = new SecretBox([old]).seal('hunter2', 'row');
    const moved = new SecretBox([fresh, old]).rewrap(sealed, 'row');
    expect(new SecretBox([fresh]).open(moved, 'row')).toBe('hunter2');
    expect(moved.split('.')[3]).toBe(sealed.split('.')[3]);
    expect(new SecretBox([fresh, old]).rewrap(moved, 'row')).toBe(moved);
  });
});

it('refuses a key of the wrong length', () => {
  expect(() => new SecretBox([randomBytes(16)])).toThrow(/not 32 bytes/);
  expect(() => new SecretBox([])).toThrow(/not 32 bytes/);
});
