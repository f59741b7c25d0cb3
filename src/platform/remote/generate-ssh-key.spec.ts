import ssh2 from 'ssh2';
import { expect, it } from 'vitest';
import { generateSshKey } from './generate-ssh-key.js';

it('makes keys that can be read, every one of them', { timeout: 60_000 }, () => {
  const keys = Array.from({ length: 1500 }, () => generateSshKey('test'));
  const unreadable = keys.filter(({ privateKey, publicKey }) =>
    [privateKey, publicKey].some((text) => ssh2.utils.parseKey(text) instanceof Error),
  );
  expect(unreadable).toEqual([]);
});
