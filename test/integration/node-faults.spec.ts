import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type JsonObject, type StepSpec } from '../../src/plan/index.js';
import { NodeSteps } from '../support/node-steps.js';
import { eventually } from '../support/pipeline-engine.js';

const CAP_KIB = 2048;
/** On the node: the kept beginning, the parts that are still looked at for the kept end, and small files. */
const MOST_KIB_ON_NODE = CAP_KIB + 16 * 1024;

let node: NodeSteps;
beforeAll(async () => {
  node = await NodeSteps.start();
});
afterAll(() => node.stop());
beforeEach(() => {
  const logBytes = CAP_KIB * 1024;
  node.begin({ node: { logBytes }, settings: { logBytesPerStep: logBytes } });
});
afterEach(() => node.end());

async function start(script: string, spec: Partial<StepSpec> = {}, input: JsonObject = {}): Promise<string> {
  return (await node.submit({ retries: 0, ...spec, input: { script, ...input } })).id;
}

async function over(id: string) {
  const view = await node.over(id);
  const [state] = view.steps;
  if (state === undefined) throw new Error('the run has no step');
  return { status: view.status, step: state };
}

const file = () => join(node.sshd.dir, `pids-${randomUUID()}`);
const pidsIn = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : []);
/** A zombie is dead: only its parent has not looked yet. */
const isAlive = (pid: string) =>
  existsSync(`/proc/${pid}/stat`) && !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
const journalOf = (executionId: string) => join(node.sshd.runnerEnvironment.MUSTER_ROOT, 'steps', executionId);
const kibibytesIn = (folder: string): number =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + (statSync(join(folder, entry.name), { throwIfNoEntry: false })?.size ?? 0) / 1024, 0);

/** Processes that do not want to end, each in its own way; their numbers go to a file. */
const STUBBORN = (path: string) => `
  (trap '' TERM; echo "$(exec sh -c 'echo $PPID')" >>${path}; while :; do sleep 1; done) &
  setsid sh -c 'trap "" TERM HUP; echo $$ >>${path}; while :; do sleep 1; done' &
  env -i sh -c 'trap "" TERM; echo $$ >>${path}; while :; do sleep 1; done' &
  echo $$ >>${path}
  trap '' TERM
`;

describe('a script that hangs', () => {
  it.each([
    ['stalls', { stallSeconds: 2 }, 'while :; do sleep 1; done', /^stalled: no output and no progress for 2 s/],
    ['times out', { timeoutSeconds: 3 }, 'while :; do echo talk; sleep 1; done', /^timed out after 3 s/],
  ])('and %s is ended with all that it started, however stubborn', async (_, spec, loop, reason) => {
    const path = file();
    const id = await start(STUBBORN(path) + loop, spec);
    await eventually('all of it runs', () => pidsIn(path).length === 4);
    const { status, step: state } = await over(id);
    expect(status).toBe('failed');
    expect(state.reason).toMatch(reason);
    expect(state.reason).not.toContain('could not be stopped');
    expect(pidsIn(path).filter(isAlive)).toEqual([]);
  });
});

describe('a script that leaves processes behind', () => {
  it('succeeds at once; what is left of its session is ended and named, a daemon lives on', async () => {
    const [left, daemon] = [file(), file()];
    const script = `
      sleep 300 & echo $! >>${left}
      (trap '' TERM; exec sleep 301) & echo $! >>${left}
      setsid -f sh -c 'echo $$ >>${daemon}; exec sleep 302' >/dev/null 2>&1
      until [ -s ${daemon} ]; do sleep 0.1; done
      echo over`;
    const began = Date.now();
    const id = await start(script, { timeoutSeconds: 40 });
    const { status } = await over(id);
    const [pid] = pidsIn(daemon);
    try {
      expect(status).toBe('succeeded');
      expect(Date.now() - began).toBeLessThan(20_000);
      expect(pidsIn(left).filter(isAlive)).toEqual([]);
      expect(isAlive(pid!)).toBe(true);
      expect(await node.logOf(id)).toMatch(
        /^over\n\[muster: ended what the script had left running: (sleep sleep|sleep.*)\]\n$/,
      );
    } finally {
      process.kill(Number(pid), 'SIGKILL');
    }
  });

  it('is not held up by a daemon that keeps its output', async () => {
    const path = file();
    const id = await start(
      `setsid sh -c 'echo $$ >>${path}; exec sleep 300' & until [ -s ${path} ]; do sleep 0.1; done; echo over`,
    );
    const { status } = await over(id);
    process.kill(Number(pidsIn(path)[0]), 'SIGKILL');
    expect(status).toBe('succeeded');
    expect(await node.logOf(id)).toMatch(/^over\n/);
  });

  it('leaves a daemon that goes on writing to that output alone', async () => {
    const path = file();
    const talk = `while :; do echo still here; echo $$ >>${path}; sleep 0.2; done`;
    const id = await start(`setsid sh -c '${talk}' & until [ -s ${path} ]; do sleep 0.1; done`);
    expect((await over(id)).status).toBe('succeeded');
    const before = pidsIn(path).length;
    await eventually('it went on', () => pidsIn(path).length > before + 3);
    process.kill(Number(pidsIn(path)[0]), 'SIGKILL');
  });
});

describe('a script that floods its log', () => {
  it('of 1 GB fills neither the node nor the server; beginning and end are kept', async () => {
    const script = 'echo the beginning; yes "a line of the flood" | head -c 1073741824; echo; echo the end; exit 3';
    const before = process.memoryUsage().rss;
    let most = before;
    let mostOnNode = 0;
    const watch = setInterval(() => {
      most = Math.max(most, process.memoryUsage().rss);
      const steps = join(node.sshd.runnerEnvironment.MUSTER_ROOT, 'steps');
      if (!existsSync(steps)) return;
      for (const name of readdirSync(steps)) mostOnNode = Math.max(mostOnNode, kibibytesIn(join(steps, name)));
    }, 50);
    const id = await start(script, { timeoutSeconds: 50, repeatable: false });
    const { status, step: state } = await over(id);
    clearInterval(watch);
    expect(status).toBe('failed');
    expect(state.reason).toBe('exit code 3: the end');
    expect(mostOnNode).toBeGreaterThan(1024);
    expect(mostOnNode).toBeLessThan(MOST_KIB_ON_NODE);
    expect(kibibytesIn(journalOf(state.executionId!))).toBeLessThan(CAP_KIB + 64);
    const log = await node.logOf(id);
    expect(log).toMatch(/^the beginning\na line of the flood\n/);
    expect(log).toMatch(/\[muster: the log is longer than \d+ KiB; its middle is not kept\]\n/);
    expect(log).toMatch(/a line of the flood\n.*\nthe end\n$/);
    expect(Buffer.byteLength(log)).toBeLessThanOrEqual(CAP_KIB * 1024);
    expect((most - before) / 1024 ** 2).toBeLessThan(96);
  });

  it('is not taken for silent when its log is full', async () => {
    const script = `head -c ${(CAP_KIB + 100) * 1024} /dev/zero | tr '\\0' x; for i in 1 2 3 4 5 6 7 8; do echo; echo still here; sleep 0.5; done`;
    const { status, step: state } = await over(await start(script, { stallSeconds: 2 }));
    expect({ status, reason: state.reason }).toEqual({ status: 'succeeded', reason: null });
  });

  it('in its check is bounded as well', async () => {
    const checkScript = 'yes "a line of the flood" | head -c 268435456; exit 0';
    const { status, step: state } = await over(await start('exit 1', {}, { checkScript }));
    expect(status).toBe('succeeded');
    expect(kibibytesIn(journalOf(state.executionId!))).toBeLessThan(512);
  });
});

describe('a script that publishes otherwise than it declared', () => {
  it('fails for good and is told what it left out, though it exits with 0', async () => {
    const input = { publishes: ['address', 'token', 'port'] };
    const id = await start('echo port=80 >>"$MUSTER_OUTPUT"', { retries: 3, repeatable: true }, input);
    const { status, step: state } = await over(id);
    expect(status).toBe('failed');
    expect(state).toMatchObject({ status: 'failed', attempt: 1, failure: 'permanent' });
    expect(state.reason).toBe('exit code 0, but it did not publish address, token, which its role declares');
  });

  it('may publish a secret where a value is declared', async () => {
    const input = { publishes: ['token'] };
    expect((await over(await start('echo "secret token=abc" >>"$MUSTER_OUTPUT"', {}, input))).status).toBe('succeeded');
  });

  it('publishes from its check where that finds it done, and else fails', async () => {
    const input = { publishes: ['port'], checkScript: 'echo port=8080 >>"$MUSTER_OUTPUT"' };
    const id = await start('exit 1', {}, input);
    expect((await over(id)).status).toBe('succeeded');
    expect(await node.engine.runs.outputs(id)).toMatchObject([{ name: 'port', value: '8080' }]);
    const silent = await over(await start('exit 1', {}, { ...input, checkScript: 'true' }));
    expect(silent.step.reason).toBe(
      'the check says that it is done, but it did not publish port, which its role declares',
    );
  });

  it.each([
    ['a NUL', `printf 'bad=a\\000b\\n'`, 'the value of "bad" holds a NUL'],
    ['bytes that are no UTF-8', `printf 'bad=a\\377b\\n'`, 'what the script published is not UTF-8'],
    ['more than 1 MiB', `printf bad=; head -c 1100000 /dev/zero | tr '\\0' x; echo`, 'longer than 1048576 bytes'],
  ])('with %s fails for good', async (_, print, reason) => {
    const { status, step: state } = await over(await start(`{ ${print}; } >>"$MUSTER_OUTPUT"`, { retries: 3 }));
    expect(status).toBe('failed');
    expect(state.attempt).toBe(1);
    expect(state.reason).toContain(reason);
  });
});
