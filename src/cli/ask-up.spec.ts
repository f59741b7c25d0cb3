import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { run } from './run.js';
import { runOnTerminal, type Answer } from '../../test/support/terminal.js';

const DOWN = '\u001b[B';
const QUESTION = { set: 'greeter.greeting', ask: 'How does it greet?', choices: [], default: 'Hello' };
const PLAN = {
  ...{ deployment: 'first', cloud: 'metal', changes: ['deploy it to node greeter-0: n1'], destroys: [], steps: [] },
  diff: { nodes: [], units: [], options: [], keptBack: [], skipped: [], outdated: [], unchanged: 0 },
  ...{ diagnostics: [], estimate: { seconds: 5, guessed: [] }, planHash: 'h' },
};

/** An API that knows one bundle and plans everything alike; what would be brought up is only noted. */
let api: Server;
let folder: string;
let begun: unknown[] = [];
let onPlan: () => void;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'muster-asked-'));
  writeFileSync(join(folder, 'bundle.yaml'), 'applications: {greeter: {role: greeter}}\n');
  api = createServer((request, response) => {
    void text(request).then((body) => {
      const answer = (status: number, value: unknown) =>
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
      if (request.url === '/v1/bundles')
        answer(200, { items: [{ name: 'ubuntu', description: null, roles: [], brought: false }] });
      else if (request.url === '/v1/bundles/check') answer(200, { ok: true, diagnostics: [], questions: [QUESTION] });
      else if (request.url === '/v1/plans') {
        onPlan();
        answer(200, PLAN);
      } else {
        begun.push(JSON.parse(body));
        answer(503, {});
      }
    });
  });
  await new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  api.close();
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  begun = [];
  onPlan = () => undefined;
});

/** Runs the command on a terminal of its own, against the API above. */
function onTerminal(words: string[], answers?: Answer[]) {
  const { port } = api.address() as AddressInfo;
  return runOnTerminal({ folder, url: `http://127.0.0.1:${port}` }, words, answers);
}

it('on a terminal it asks where, and what the bundle asks; shows the plan, and the command that does the same', async () => {
  const { screen } = await onTerminal(
    ['up', './bundle.yaml'],
    [
      ['Where?', `${DOWN}\r`],
      ['How does it greet?', "it's me\r"],
      ['[y/N]', 'y\n'],
    ],
  );
  expect(screen).toContain(`muster up ./bundle.yaml --on metal --set 'greeter.greeting=it'\\''s me' --yes`);
  expect(screen).toContain('deploy it to node greeter-0: n1');
  const settings = [{ application: 'greeter', option: 'greeting', value: "it's me" }];
  expect(begun).toMatchObject([{ on: 'metal', settings, planHash: 'h' }]);
}, 120_000);

it.each([['up ubuntu --on localhost'], ['ubuntu --on localhost']])(
  'without a server `muster %s` asks whether to start one',
  async (line) => {
    const { code, screen } = await runOnTerminal({ folder }, line.split(' '), [['[y/N]', 'n\n']]);
    expect(screen).toContain('No muster server answers on this computer. Start one in the background?');
    expect(code).toBe(4);
  },
  120_000,
);

it('Ctrl-C while the plan is made begins nothing, also with --yes', async () => {
  const interrupt = new AbortController();
  onPlan = () => interrupt.abort();
  const { port } = api.address() as AddressInfo;
  const code = await run(['up', join(folder, 'bundle.yaml'), '--on', 'metal', '--yes'], {
    ...{ stdout: new PassThrough(), stderr: new PassThrough(), stdin: Readable.from([]), isTty: false, canAsk: false },
    environment: { MUSTER_API_URL: `http://127.0.0.1:${port}`, MUSTER_TOKEN: 'x' },
    signal: interrupt.signal,
  });
  expect(code).toBe(130);
  expect(begun).toEqual([]);
});

it('Ctrl-C at a question ends it, and does nothing', async () => {
  const { code } = await onTerminal(['up', './bundle.yaml'], [['Where?', '\u0003']]);
  expect(code).toBe(130);
  expect(begun).toEqual([]);
}, 120_000);

it('nothing is asked with --yes or a Musterfile, and `muster NAME` is `muster up NAME`', async () => {
  await onTerminal(['ubuntu', '--yes', '--set', 'a.b=c']);
  writeFileSync(join(folder, 'Musterfile'), 'bundle: ./bundle.yaml\non: localhost\nset: {greeter.greeting: Ahoy}\n');
  await onTerminal(['up']);
  expect(begun).toMatchObject([
    { bundle: 'ubuntu', on: 'metal', settings: [{ application: 'a', option: 'b', value: 'c' }] },
    { on: 'localhost', settings: [{ application: 'greeter', option: 'greeting', value: 'Ahoy' }] },
  ]);
}, 120_000);

it('a first word that is neither a command nor a bundle is no command', async () => {
  const { code, screen } = await onTerminal(['ubunto']);
  expect(code).toBe(2);
  expect(screen).toContain("unknown command 'ubunto'");
}, 120_000);
