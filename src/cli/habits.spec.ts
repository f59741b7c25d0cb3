import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { buildProgram, run } from './run.js';

const PLAN = {
  ...{ deployment: 'prod', cloud: 'metal', changes: ['lay os'], destroys: [] as string[], steps: [], planHash: 'x' },
  diff: { nodes: [], units: [], options: [], keptBack: [], skipped: [], outdated: [], unchanged: 0 },
  ...{ diagnostics: [], estimate: { seconds: 1, guessed: [] } },
};
const SCHEDULE = {
  ...{ id: '018f0000-0000-7000-8000-000000000000', name: 'weekly', deployment: 'prod', cron: '0 3 * * 0' },
  ...{ timeZone: 'UTC', action: 'redeploy', overlap: 'skip', missed: 'skip', startWithinSeconds: 300 },
  ...{ longestSeconds: null, stopAfterFailures: null, canary: null, failures: 0, fromBundle: false, next: [] },
  ...{ pausedAt: null, pausedReason: null, createdBy: 'admin', createdAt: '2026-11-28T00:00:00.000Z' },
};

/** An API that answers from a table; what it is told to do is noted, and refused. */
let api: Server;
let folder: string;
let answers: Record<string, unknown>;
let asked: { path: string; body: Record<string, unknown> }[];
const before = process.cwd();
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'muster-habits-'));
  process.chdir(folder);
  api = createServer((request, response) => {
    void text(request).then((body) => {
      const path = request.url ?? '';
      const answer = answers[path];
      if (answer === undefined || request.method !== 'GET')
        asked.push({ path, body: JSON.parse(body || '{}') as Record<string, unknown> });
      response
        .writeHead(answer === undefined ? 503 : 200, { 'content-type': 'application/json' })
        .end(JSON.stringify(answer ?? {}));
    });
  });
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  process.chdir(before);
  api.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  answers = {};
  asked = [];
});

async function cli(argv: string[], options: { input?: string } = {}) {
  const out = { stdout: '', stderr: '' };
  const { port } = api.address() as AddressInfo;
  const code = await run(argv, {
    stdout: { write: (text) => (out.stdout += text) },
    stderr: { write: (text) => (out.stderr += text) },
    stdin: Readable.from(options.input === undefined ? [] : [options.input]),
    isTty: false,
    canAsk: options.input !== undefined,
    environment: { HOME: folder, MUSTER_API_URL: `http://127.0.0.1:${port}`, MUSTER_TOKEN: 'x' },
    signal: new AbortController().signal,
  });
  return { code, ...out };
}

describe('the help of every command', () => {
  const commands: [string, Command][] = [];
  const { program } = buildProgram({
    ...{ stdout: { write: () => true }, stderr: { write: () => true }, stdin: Readable.from([]) },
    ...{ isTty: false, canAsk: false, environment: {}, signal: new AbortController().signal },
  });
  const collect = (command: Command, words: string[]) => {
    for (const child of command.commands.filter((each) => each.name() !== 'words')) {
      if (child.commands.length === 0) commands.push([[...words, child.name()].join(' '), child]);
      collect(child, [...words, child.name()]);
    }
  };
  collect(program, []);

  it.each(commands)('%s says what it does, and gives an example that begins with it', (words, command) => {
    let help = '';
    command.configureOutput({ writeOut: (part) => (help += part) }).outputHelp();
    expect(help.split('\n')[2]).toMatch(/^\w|`/);
    const example = (help.split(/^Examples?:$/m)[1] ?? '').replaceAll(/ list\b/g, '');
    expect(example).toContain(`  muster ${words.replace(/ list$/, '')}`);
  });
});

describe('what destroys data', () => {
  it('is asked for, although a Musterfile says all the rest', async () => {
    writeFileSync(join(folder, 'bundle.yaml'), 'name: prod\n');
    writeFileSync(join(folder, 'Musterfile'), 'bundle: ./bundle.yaml\n');
    answers['/v1/plans'] = { ...PLAN, destroys: ['the disks of n1'] };
    const refused = await cli(['up']);
    expect(refused).toMatchObject({ code: 4, stderr: expect.stringContaining('--yes') as string });
    expect(asked.map(({ path }) => path)).toEqual(['/v1/plans']);
    answers['/v1/plans'] = PLAN;
    await cli(['up']);
    await cli(['up', '--yes']);
    expect(asked.map(({ path }) => path).filter((path) => path === '/v1/deployments')).toHaveLength(2);
  });

  it.each([[['schedules', 'run', 'weekly']], [['machines', 'mark-fixed', 'n1']], [['machines', 'release', 'n1']]])(
    '%j is not done without a yes',
    async (argv) => {
      answers['/v1/schedules/weekly'] = SCHEDULE;
      expect(await cli(argv)).toMatchObject({ code: 4, stderr: expect.stringContaining('--yes') as string });
      // Ctrl-D.
      expect((await cli(argv, { input: '' })).code).toBe(4);
      expect(asked).toEqual([]);
      await cli([...argv, '--yes']);
      expect(asked).toHaveLength(1);
    },
  );
});

it('an error is JSON where the result would be', async () => {
  const { code, stderr } = await cli(['--json', 'machines', 'deploy', 'n1', '--user-data', 'nowhere']);
  expect(code).toBe(2);
  expect(JSON.parse(stderr)).toEqual({
    error: { code: 2, message: expect.stringContaining('cannot read nowhere') as string, hint: null, details: [] },
  });
});

it('a setting is taken from a file', async () => {
  writeFileSync(join(folder, 'value'), 'two words\n');
  await cli(['plan', './bundle.yaml', '--set', 'web.text=@value']);
  expect(asked[0]?.body.settings).toEqual([{ application: 'web', option: 'text', value: 'two words' }]);
  writeFileSync(join(folder, 'Musterfile'), 'bundle: ./bundle.yaml\nset: {cron.when: "@daily"}\n');
  await cli(['plan', '--set', 'web.text=@@value']);
  expect(asked[1]?.body.settings).toEqual([
    { application: 'cron', option: 'when', value: '@daily' },
    { application: 'web', option: 'text', value: '@value' },
  ]);
  const twice = await cli(['plan', './bundle.yaml', '--set', 'web.a=-', '--set', 'web.b=-'], { input: 'x' });
  expect(twice).toMatchObject({ code: 2, stderr: expect.stringContaining('two values') as string });
});
