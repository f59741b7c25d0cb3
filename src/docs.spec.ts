import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { PassThrough } from 'node:stream';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { commandFaults, countCalls, refusalOf, type Programs } from '../test/support/doc-commands.js';
import { linkFaults } from '../test/support/doc-links.js';
import { buildProgram } from './cli/run.js';
import { registerLocalCommands } from './local/index.js';

const root = join(import.meta.dirname, '..');
const pages = [
  join(root, 'README.md'),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => join(root, 'docs', file)),
];

function buildMuster(): Command {
  const output = new PassThrough();
  const io = { stdout: output, stderr: output, stdin: output, isTty: false, canAsk: false, environment: {} };
  const signal = new AbortController().signal;
  return buildProgram({ ...io, signal }, [(program) => registerLocalCommands(program)]).program;
}

const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> };
const programs: Programs = { muster: buildMuster, npmScripts: Object.keys(scripts) };
const text = (page: string) => readFileSync(page, 'utf8');

describe('the pages', () => {
  it.each(pages.map((page) => [relative(root, page), page]))('%s: commands and links are real', async (name, page) => {
    const faults = [...(await commandFaults(text(page), programs)), ...linkFaults(text(page), page, root)];
    expect(faults.map((fault) => `${name}:${fault}`)).toEqual([]);
  });

  it('are read: README and the lab have command lines', () => {
    expect(countCalls(text(join(root, 'README.md')))).toBeGreaterThan(10);
    expect(countCalls(text(join(root, 'docs/lab.md')))).toBeGreaterThan(5);
  });
});

describe('docs/cli.md', () => {
  const cli = text(join(root, 'docs/cli.md'));
  const rows = cli
    .slice(cli.indexOf('## What there is'))
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|')));
  const spans = (cell: string | undefined) => [...(cell ?? '').matchAll(/`([^`]+)`/g)].map((match) => match[1]!);

  it('its table has commands that are there, with their options', async () => {
    const faults = rows.map(([, commands]) =>
      commandFaults(`\`muster ${spans(commands).join('` `muster ')}\``, programs),
    );
    expect((await Promise.all(faults)).flat()).toEqual([]);
  });

  it('names every command', () => {
    const named = spans(cli).map((span) => span.split(' ')[0]);
    const real = visible(buildMuster()).map((command) => command.name());
    expect(real.filter((name) => !named.includes(name))).toEqual([]);
  });

  it('lists every command of the groups that it lists', () => {
    const listed = rows.flatMap(([, group, what]) => {
      const name = /^`(\S+) …`$/.exec(group ?? '')?.[1];
      const [names] = /^`[a-z -]+`$/.test(what ?? '') ? spans(what) : [];
      return name === undefined || names === undefined ? [] : [[name, names.split(' ').sort()] as const];
    });
    expect(listed.map(([name]) => name)).toContain('machines');
    for (const [name, names] of listed) {
      const group = buildMuster().commands.find((command) => command.name() === name)!;
      expect([name, names]).toEqual([
        name,
        visible(group)
          .map((command) => command.name())
          .sort(),
      ]);
    }
  });
});

it('the examples in the help of every command are commands', async () => {
  const everyCommand = (command: Command): Command[] => [command, ...command.commands.flatMap(everyCommand)];
  const faults = everyCommand(buildMuster()).map(async (command) => {
    let help = '';
    command.configureOutput({ writeOut: (part) => (help += part) }).outputHelp();
    // What an example does may stand beside it.
    const lines = help.split('\n').filter((line) => /^ {2}(muster|npm|export|[A-Z_]+=) ?/.test(line));
    const block = lines.map((line) => `    ${line.trim().split(/ {3,}/)[0] ?? ''}`).join('\n');
    return (await commandFaults(block, programs)).map((fault) => `${command.name()}: ${fault}`);
  });
  expect((await Promise.all(faults)).flat()).toEqual([]);
});

describe('a fault is found', () => {
  it.each([
    ['`muster mashines list`', /^1: error: unknown command 'mashines'/],
    ['x\n\n    sudo bin/muster up lxd-fan --fast', /^3: error: unknown option '--fast'/],
    ['```\nMUSTER_TOKEN=x muster images frob debian # no\n```', /^2: error: too many arguments for 'list'/],
    ['```\nmuster machines accept\n```', /^2: error: missing required argument/],
    ['```\nmuster machines release n1 --erase none\n```', /^2: error: option '--erase <how>'/],
    ['`muster status a\nb`', /^1: error: too many arguments/],
    ['a | `npm run frob`', /^1: package.json has no script "frob"/],
    ['`npm run lab -- --frob`', /^1: error: unknown option '--frob'/],
    ['`export T=$(muster tokens make me)`', /^1: error: unknown command 'make'/],
  ])('in %j', async (page, expected) => {
    expect(await commandFaults(page, programs)).toEqual([expect.stringMatching(expected)]);
  });

  it('unless the word is for the reader to fill in', async () => {
    const page = '`muster COMMAND --help` `muster machines set-power` `muster logs [-f] NAME` `muster machines …`';
    expect(await commandFaults(page, programs)).toEqual([]);
    expect(await refusalOf(buildMuster(), ['machines', 'show'], false)).toMatch(/missing required argument/);
  });

  it('in links: files and headings', () => {
    const page = '# A b\n[x](nowhere.md) [y](#a-b) [z](#c)\n\n[w](README.md#try-it-a-virtual-rack-no-hardware)\n';
    expect(linkFaults(page, join(root, 'page.md'), root)).toEqual([
      '2: no such file: nowhere.md',
      '2: no such heading: #c',
    ]);
  });
});

function visible(command: Command): Command[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .filter((each) => each.name() !== 'help');
}
