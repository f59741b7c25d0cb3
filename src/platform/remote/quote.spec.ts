import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fingerprintOf, parseHostKeys } from './host-keys.js';
import { quoteArgv } from './quote.js';

describe('quoting', () => {
  it('leaves plain words as they are', () => {
    expect(quoteArgv(['ls', '-l', '/var/lib/x.y', 'a=b'])).toBe('ls -l /var/lib/x.y a=b');
    expect(quoteArgv(['', "it's"])).toBe(`'' 'it'\\''s'`);
  });

  it('hides nothing from the program and nothing from the shell', () => {
    const word = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\0'));
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), (argv) => {
        const out = execFileSync('sh', ['-c', quoteArgv(['printf', '%s\\0', ...argv])], { encoding: 'utf8' });
        expect(out.split('\0').slice(0, -1)).toEqual(argv);
      }),
      { numRuns: 30 },
    );
  });

  it('refuses a NUL', () => {
    expect(() => quoteArgv(['a\0b'])).toThrow(TypeError);
  });
});

describe('host keys', () => {
  // From ssh-keygen -t ed25519; ssh-keygen -l says the fingerprint.
  const line = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJmM0g6x5nB8Q0lJwJ8lJd3sG0m4vJ3mZ0l0v1Hq3Z1A host';

  it('are read from OpenSSH lines', () => {
    const [key] = parseHostKeys([line]);
    expect(key?.type).toBe('ssh-ed25519');
    expect(fingerprintOf(key!.blob)).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
  });

  it.each(['', 'ssh-ed25519', 'ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAA', 'ssh-ed25519 !!!!', '<script>'])(
    '"%s" is refused',
    (text) => {
      expect(() => parseHostKeys([text])).toThrow(/cannot read the host key/);
    },
  );
});
