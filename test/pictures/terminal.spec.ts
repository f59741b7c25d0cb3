import { expect, it } from 'vitest';
import { svgOf, Terminal } from './terminal.js';

it('shows what is left when a line was drawn again', () => {
  const terminal = new Terminal(20);
  terminal.write('$ up\r\n\r\u001b[2K██░░ 50% install');
  terminal.write('\r\u001b[2K\u001b[32m✓\u001b[0m installed\r\n\r\u001b[2K███░ 75%');
  expect(terminal.lines()).toEqual(['$ up', '✓ installed', '███░ 75%']);
  expect(terminal.lines(2)).toEqual(['✓ installed', '███░ 75%']);
});

it('draws colours and columns, each at its place', () => {
  const terminal = new Terminal(20);
  terminal.write('\u001b[32m✓\u001b[0m a <b>   c\r\n');
  const texts = [...svgOf(terminal, 'x', 10).matchAll(/<text x="([\d.]+)".*fill="(#\w+)".*>(.*)<\/text>/g)];
  expect(texts.map(([, x, colour, text]) => [x, colour, text])).toEqual([
    ['16.0', '#57ab5a', '✓'],
    ['32.8', '#d4d4d4', 'a &lt;b&gt;'],
    ['100.0', '#d4d4d4', 'c'],
  ]);
});

it('goes on below with what does not fit', () => {
  const terminal = new Terminal(4);
  terminal.write('abcd\r\nefghij\r\n');
  expect(terminal.lines()).toEqual(['abcd', 'efgh', 'ij']);
});

it('refuses what it cannot draw, rather than leave it out', () => {
  expect(() => new Terminal(20).write('\u001b[3A')).toThrow(/cannot draw/);
});
