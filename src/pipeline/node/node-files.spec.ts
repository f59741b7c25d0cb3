import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MusterError } from '../../error.js';
import { exitOutcome } from './exit-code.js';
import { parseOutputFile } from './output-file.js';
import { runner } from './runner.js';
import { tarOf } from './tar.js';

describe('what a script published', () => {
  it('is lines and blocks, open and secret', () => {
    const text = [
      '# a comment',
      'address=10.0.0.1',
      'empty=',
      'equation=a=b=c',
      'secret token=s3cret',
      'list<<EOF',
      'one=1',
      '',
      'EOF',
      'secret key<<---',
      'line',
      '---',
      'address=10.0.0.2\r',
      'constructor=odd',
      '',
    ].join('\n');
    expect(parseOutputFile(Buffer.from(text))).toEqual({
      outputs: { address: '10.0.0.2', empty: '', equation: 'a=b=c', list: 'one=1\n', constructor: 'odd' },
      secretOutputs: { token: 's3cret', key: 'line' },
    });
  });

  it.each([
    ['just text', 'line 1: expected key=value or key<<EOF'],
    ['a=1\n=2', 'line 2: expected key=value'],
    ['bad name=1', 'line 1: "bad name" is no name'],
    ['a<<EOF\nno end', 'line 1: the block has no end "EOF"'],
    ['__proto__=x\na b', 'line 2'],
    [`a=${'x'.repeat(2 ** 20)}`, 'longer than 1048576 bytes'],
  ])('%# is refused with its line', (text, message) => {
    expect(() => parseOutputFile(Buffer.from(text))).toThrow(message);
  });

  it('is read or refused, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        try {
          parseOutputFile(Buffer.from(text));
        } catch (error) {
          expect(error).toBeInstanceOf(MusterError);
        }
      }),
    );
  });
});

it.each([
  [75, true, 'transient'],
  [78, true, 'needs-operator'],
  [127, true, 'permanent'],
  [2, true, 'permanent'],
  [1, true, 'transient'],
  [1, false, 'permanent'],
  [137, false, 'permanent'],
] as const)('exit code %i (repeatable: %s) is %s', (code, repeatable, failure) => {
  expect(exitOutcome(code, repeatable, 'why')).toMatchObject({
    failure,
    exitCode: code,
    reason: `exit code ${code}: why`,
  });
});

it('an archive is one that tar reads', () => {
  const dir = mkdtempSync(join(tmpdir(), 'muster-tar-'));
  const big = Buffer.alloc(100_001, 7);
  writeFileSync(
    join(dir, 'a.tar'),
    tarOf([
      { name: 'one', content: 'text' },
      { name: 'two', content: big },
      { name: 'empty', content: '' },
    ]),
  );
  execFileSync('tar', ['-xf', 'a.tar'], { cwd: dir });
  expect(readFileSync(join(dir, 'one'), 'utf8')).toBe('text');
  expect(readFileSync(join(dir, 'two'))).toEqual(big);
  expect(readFileSync(join(dir, 'empty'))).toHaveLength(0);
  rmSync(dir, { recursive: true });
  expect(() => tarOf([{ name: 'x'.repeat(100), content: '' }])).toThrow(RangeError);
});

it('the runner is a program that Perl can read', () => {
  const { status, stderr } = spawnSync('perl', ['-Mstrict', '-wc'], { input: runner.text, encoding: 'utf8' });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '- syntax OK\n' });
  expect(runner.name).toMatch(/^step-runner-[0-9a-f]{12}$/);
});
