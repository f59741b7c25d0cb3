import { expect, it } from 'vitest';
import { LogPrinter } from './cmd-logs.js';

function printed(withKeys: boolean, chunks: { stepKey: string; offset: number; text: string }[]): string {
  let out = '';
  const printer = new LogPrinter((text) => (out += text), withKeys);
  for (const chunk of chunks) printer.add(chunk);
  printer.end();
  return out;
}

it('puts the step before whole lines', () => {
  const chunks = [
    { stepKey: 'a', offset: 0, text: 'one\ntw' },
    { stepKey: 'b', offset: 0, text: 'other\n' },
    { stepKey: 'a', offset: 6, text: 'o\nlast' },
  ];
  expect(printed(true, chunks)).toBe('a | one\nb | other\na | two\na | last\n');
});

it('prints nothing twice when a lost stream begins anew', () => {
  const chunks = [
    { stepKey: 'a', offset: 0, text: 'one\n' },
    { stepKey: 'a', offset: 0, text: 'one\ntwo\n' },
  ];
  expect(printed(false, chunks)).toBe('one\ntwo\n');
});

it('lets nothing steer the terminal', () => {
  expect(printed(false, [{ stepKey: 'a', offset: 0, text: '\u001b]0;evil\u0007\r\nnext\n' }])).not.toMatch(
    /[^\P{Cc}\n]/u,
  );
});
