import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DetachedStep, FenceRefusedError } from '../../src/pipeline/node/detached-step.js';
import { outputOf, type JsonObject, type StepSpec } from '../../src/plan/index.js';
import { NodeSteps } from '../support/node-steps.js';
import { eventually } from '../support/pipeline-engine.js';

let node: NodeSteps;
beforeAll(async () => {
  node = await NodeSteps.start();
});
afterAll(() => node.stop());
beforeEach(() => node.begin());
afterEach(() => node.end());

/** A file that scripts append a line to each time they run. */
const counter = () => join(node.sshd.dir, `count-${randomUUID()}`);
const linesOf = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').length : 0);
const journalOf = (executionId: string) => join(node.sshd.runnerEnvironment.MUSTER_ROOT, 'steps', executionId);
/** A zombie is dead: only its parent has not looked yet. */
const isAlive = (pid: string) =>
  existsSync(`/proc/${pid}/stat`) && !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
async function stateOf(id: string) {
  return (await node.engine.runs.get(id)).steps[0]!;
}

describe('a script on a node', () => {
  it('keeps a declared secret as one, whatever the script calls it, and refuses one that is not declared', async () => {
    const publish = (line: string) => `echo "${line}" >>"$MUSTER_OUTPUT"; sleep 0.7; echo "it is hunter22"`;
    const kept = await node.submit(
      { input: { script: publish('password=hunter22'), secrets: ['password'] } },
      { after: ['s0'], input: { script: 'cat "$MUSTER_INPUT"', input: { p: outputOf('s0', 'password') } } },
    );
    expect(await node.over(kept.id)).toMatchObject({ status: 'succeeded' });
    expect(await node.logOf(kept.id)).toBe('it is [masked]\n');
    expect(await node.logOf(kept.id, 's1')).toBe('{"p":"[masked]"}');
    expect(await node.engine.runs.outputs(kept.id)).toEqual([
      { step: 's0', name: 'password', secret: true, value: null },
    ]);

    const refused = await node.submit({ input: { script: publish('secret password=hunter22'), secrets: [] } });
    expect(await node.over(refused.id)).toMatchObject({ status: 'failed' });
    expect((await stateOf(refused.id)).reason).toContain('cannot take the secret "password"');
    expect(await node.engine.runs.outputs(refused.id)).toEqual([]);
  });

  it('gets its input, environment and files, and publishes values', async () => {
    const script = [
      'echo "hello $GREETING from $(pwd)"; cat "$MUSTER_INPUT"; echo; stat -c %a "$MUSTER_INPUT"; ./tool',
      'muster-progress 40 "half way"; sleep 0.5',
      'printf "address=10.0.0.7\\nlist<<END\\na\\nb\\nEND\\nsecret password=hunter22\\n" >>"$MUSTER_OUTPUT"; sleep 0.7; echo "it is hunter22"',
    ].join('\n');
    const run = await node.submit(
      {
        input: {
          script,
          input: { unit: 'etcd/0' },
          environment: { GREETING: `a $HOME 'b'` },
          files: [{ path: 'tool', content: '#!/bin/sh\necho tool ran\n', mode: 0o755 }],
        },
      },
      { after: ['s0'], input: { script: 'echo "got $P"', environment: { P: outputOf('s0', 'password') } } },
    );
    const view = await node.over(run.id);
    expect(view).toMatchObject({ status: 'succeeded', reason: null });
    const log = await node.logOf(run.id);
    expect(log).toMatch(/^hello a \$HOME 'b' from .*\/files\n\{"unit":"etcd\/0"\}\n600\ntool ran\nit is \[masked\]\n$/);
    expect(await node.logOf(run.id, 's1')).toBe('got [masked]\n');
    expect(await node.engine.runs.outputs(run.id, { openSecrets: true })).toEqual([
      { step: 's0', name: 'address', secret: false, value: '10.0.0.7' },
      { step: 's0', name: 'list', secret: false, value: 'a\nb' },
      { step: 's0', name: 'password', secret: true, value: 'hunter22' },
    ]);
    expect(view.steps[0]!.message).toBe('half way');
    const journal = journalOf(view.steps[0]!.executionId!);
    expect(statSync(journal).mode & 0o777).toBe(0o700);
    expect(existsSync(join(journal, 'input.json'))).toBe(false);
    expect((await node.engine.runs.attempts(run.id, 's0'))[0]).toMatchObject({ exitCode: 0, outcome: 'succeeded' });
  });

  it.each([
    [1, true, 2, 'failed'],
    [127, true, 1, 'failed'],
    [1, false, 1, 'failed'],
    [75, true, 2, 'failed'],
    [78, true, 1, 'paused'],
  ])(
    'that exits with %i (repeatable: %s) is tried %i times, and the run is %s',
    async (code, repeatable, tries, status) => {
      const count = counter();
      const run = await node.submit({
        repeatable,
        input: { script: `echo once >>${count}; echo because >&2; exit ${code}` },
      });
      const view = await node.over(run.id);
      expect(view.status).toBe(status);
      expect(view.steps[0]!.reason).toBe(`exit code ${code}: because`);
      expect(linesOf(count)).toBe(tries);
    },
  );

  it.each([
    [String.raw`printf 'a\0b\n'; exit 1`, 'exit code 1: ab'],
    [String.raw`printf 'key=a\0b\n' >>"$MUSTER_OUTPUT"`, /the value of "key" holds a NUL$/],
    [String.raw`printf 'k\0y=a\n' >>"$MUSTER_OUTPUT"`, /"ky" is no name for a value$/],
  ])('that says a NUL at its end fails within seconds: %s', async (script, reason) => {
    const run = await node.submit({ retries: 0, input: { script } });
    const view = await node.engine.runs.untilOver(run.id, AbortSignal.timeout(10_000));
    expect(view.status).toBe('failed');
    expect(view.steps[0]!.reason).toMatch(reason);
  });

  it('says no value of a variable that is secret, in its log or its reason', async () => {
    const environment = { OPT_PASSWORD: 'hunter22', OPT_NAME: 'open' };
    const script = 'set -x; echo "$OPT_NAME $OPT_PASSWORD"; exit 2';
    const run = await node.submit({ input: { script, environment, secretVariables: ['OPT_PASSWORD'] } });
    expect(await node.over(run.id)).toMatchObject({ status: 'failed' });
    expect(await node.logOf(run.id)).toContain('\nopen [masked]\n');
    expect(await node.logOf(run.id)).not.toContain('hunter22');
    const failing = {
      script: 'echo "cannot use $OPT_PASSWORD"; exit 2',
      environment,
      secretVariables: ['OPT_PASSWORD'],
    };
    const other = await node.submit({ input: failing });
    await node.over(other.id);
    expect((await stateOf(other.id)).reason).toBe('exit code 2: cannot use [masked]');
  });

  it('that a check finds done is not run', async () => {
    const count = counter();
    const run = await node.submit({ input: { script: `echo once >>${count}`, checkScript: 'echo looked; exit 0' } });
    expect((await node.over(run.id)).steps[0]).toMatchObject({
      status: 'succeeded',
      note: 'unchanged: the check says that it is done already',
    });
    expect(linesOf(count)).toBe(0);
  });

  it('that says that it changed nothing is noted so, each time anew', async () => {
    const once = counter();
    const script = `if [ -e ${once} ]; then muster-unchanged; else touch ${once}; fi`;
    const notes = [];
    for (let round = 0; round < 2; round += 1)
      notes.push((await node.over((await node.submit({ input: { script } })).id)).steps[0]!.note);
    expect(notes).toEqual([null, 'unchanged: the script found everything as it is wanted']);
  });

  it('outlives a cut connection; its log goes on where it stopped', async () => {
    const count = counter();
    const script = `echo once >>${count}; for i in $(seq 1 30); do echo "line $i"; sleep 0.1; done`;
    const run = await node.submit({ repeatable: false, input: { script } });
    await eventually('it logs', async () => (await node.logOf(run.id)).includes('line 5'));
    await node.sshd.cut();
    await sleep(1000);
    await node.sshd.up();
    expect((await node.over(run.id)).status).toBe('succeeded');
    const lines = (await node.logOf(run.id)).split('\n').filter((line) => line.startsWith('line'));
    expect(lines).toEqual(Array.from({ length: 30 }, (_, n) => `line ${n + 1}`));
    expect(linesOf(count)).toBe(1);
  });

  it('is stopped with all its processes when the run is cancelled', async () => {
    const file = counter();
    const script = `sleep 60 & echo $! >${file}; echo $$ >>${file}; wait`;
    const run = await node.submit({ input: { script } });
    await eventually('it runs', () => linesOf(file) === 2);
    await node.engine.runs.cancel(run.id, 'enough');
    const view = await node.over(run.id);
    expect(view).toMatchObject({ status: 'cancelled', reason: 'enough' });
    for (const pid of readFileSync(file, 'utf8').trim().split('\n')) expect(isAlive(pid)).toBe(false);
  });

  it('that is over soon is one delivery, and asked nothing a second time', async () => {
    const run = await node.submit({ input: { script: 'sleep 0.7' } });
    const view = await node.over(run.id);
    expect(view.status).toBe('succeeded');
    expect(readFileSync(join(journalOf(view.steps[0]!.executionId!), 'fence'), 'utf8')).toBe('1\n');
  });

  it('on a node without Perl fails for good, and says so', async () => {
    await node.end();
    node.begin({ node: { environment: { ...node.sshd.runnerEnvironment, PATH: '/nowhere' } } });
    const view = await node.over((await node.submit({ retries: 3, input: { script: 'true' } })).id);
    expect(view.steps[0]).toMatchObject({ status: 'failed', attempt: 1, hint: 'apt-get install perl-base' });
    expect(view.steps[0]!.reason).toMatch(/^cannot start the step on its node, which has no Perl/);
  });

  it('that stalls is stopped and started again, up to its retries', async () => {
    const count = counter();
    const run = await node.submit({ stallSeconds: 2, retries: 1, input: { script: `echo once >>${count}; sleep 60` } });
    const view = await node.over(run.id);
    expect(view).toMatchObject({ status: 'failed' });
    expect(view.steps[0]!.reason).toMatch(/^stalled: no output and no progress for 2 s/);
    expect(linesOf(count)).toBe(2);
  });

  it('that times out although it talks is stopped', async () => {
    const script = 'while :; do echo talk; sleep 0.1; done';
    const run = await node.submit({ timeoutSeconds: 2, retries: 0, input: { script } });
    expect((await node.over(run.id)).steps[0]!.reason).toMatch(/^timed out after 2 s/);
  });

  it('on a node that was removed fails for good', async () => {
    const run = await node.submit({ retries: 3, input: { nodeId: 'gone', script: 'true' } });
    const view = await node.over(run.id);
    expect(view.steps[0]).toMatchObject({
      status: 'failed',
      attempt: 1,
      reason: 'cannot find node gone: it was removed',
    });
  });
});

describe('a node that goes down in the middle', () => {
  async function interrupt(options: Partial<StepSpec>, input: JsonObject) {
    const count = counter();
    const script = `echo once >>${count}; [ $(wc -l <${count}) -gt 1 ] || sleep 60`;
    const run = await node.submit({ ...options, input: { script, ...input } });
    await eventually('it runs', () => linesOf(count) === 1);
    // The power cut: the processes are gone, and the node comes back under another boot id.
    const journal = journalOf((await stateOf(run.id)).executionId!);
    const group = Number(readFileSync(join(journal, 'pgid'), 'utf8'));
    expect(group).toBeGreaterThan(1);
    const supervisor = Number(/PPid:\s+(\d+)/.exec(readFileSync(`/proc/${group}/status`, 'utf8'))![1]);
    process.kill(supervisor, 'SIGKILL');
    process.kill(-group, 'SIGKILL');
    node.sshd.setBootId(randomUUID());
    return { run, count };
  }

  it('runs a repeatable step again', async () => {
    const { run, count } = await interrupt({ repeatable: true }, {});
    expect((await node.over(run.id)).status).toBe('succeeded');
    expect(linesOf(count)).toBe(2);
  });

  it('stops for the operator where the step may not be repeated, and goes on when told to', async () => {
    const { run, count } = await interrupt({ repeatable: false }, {});
    const view = await node.over(run.id);
    expect(view.status).toBe('paused');
    expect(view.steps[0]).toMatchObject({ status: 'needs-operator', attempt: 1 });
    expect(linesOf(count)).toBe(1);
    await node.engine.runs.retry(run.id);
    expect((await node.over(run.id)).status).toBe('succeeded');
    expect(linesOf(count)).toBe(2);
  });

  it('asks the check of a step that has one', async () => {
    const done = counter();
    const { run, count } = await interrupt(
      { repeatable: false },
      { checkScript: `test -f ${done}; r=$?; touch ${done}; exit $r` },
    );
    const view = await node.over(run.id);
    expect(view.steps[0]).toMatchObject({
      status: 'succeeded',
      note: 'it was interrupted; the check says that it is done',
    });
    expect(linesOf(count)).toBe(1);
  });

  it('because the step asked for it is waited for, and the step goes on', async () => {
    const count = counter();
    const script = `echo once >>${count}; if [ "$MUSTER_REBOOTS" = 0 ]; then muster-reboot; else echo "after=$MUSTER_REBOOTS" >>"$MUSTER_OUTPUT"; fi`;
    const run = await node.submit({ repeatable: false, input: { script, reboot: true } });
    expect((await node.over(run.id)).status).toBe('succeeded');
    expect(linesOf(count)).toBe(2);
    expect(await node.engine.runs.outputs(run.id)).toMatchObject([{ name: 'after', value: '1' }]);
  });
});

describe('the node itself', () => {
  const FILES = { input: '{}', environment: {}, files: [] };

  it('refuses whoever was superseded, for every operation', async () => {
    const shell = await node.remote.connect(node.sshd.target);
    const id = randomUUID();
    const file = counter();
    const as = (fence: number) =>
      new DetachedStep(shell, { id, fence, stepId: 'step' }, { environment: node.sshd.runnerEnvironment });
    await as(5).status(0);
    const old = as(4);
    const script = `echo once >>${file}`;
    const operations = [
      () => old.status(0),
      () => old.start(1, { ...FILES, script }),
      () => old.check({ ...FILES, script }),
      () => old.cancel(),
      () => old.reboot(),
    ];
    for (const operation of operations) await expect(operation()).rejects.toBeInstanceOf(FenceRefusedError);
    expect(linesOf(file)).toBe(0);
    await as(6).start(1, { ...FILES, script });
    await as(6).start(1, { ...FILES, script });
    await eventually('it is finished', async () => (await as(7).status(0)).state === 'finished');
    expect(linesOf(file)).toBe(1);
    await shell.close();
  });

  it('ends the last execution of a step before it starts a new one', async () => {
    const shell = await node.remote.connect(node.sshd.target);
    const file = counter();
    const of = (id: string) =>
      new DetachedStep(shell, { id, fence: 1, stepId: 'one-step' }, { environment: node.sshd.runnerEnvironment });
    const [first, second] = [of(randomUUID()), of(randomUUID())];
    await first.start(1, { ...FILES, script: `echo $$ >>${file}; sleep 60` });
    await eventually('it runs', () => linesOf(file) === 1);
    await second.start(1, { ...FILES, script: 'true' });
    expect(isAlive(readFileSync(file, 'utf8').trim())).toBe(false);
    await expect(first.status(0)).rejects.toBeInstanceOf(FenceRefusedError);
    await shell.close();
  });

  it('takes files only under names that cannot leave their place', async () => {
    const shell = await node.remote.connect(node.sshd.target);
    const step = new DetachedStep(
      shell,
      { id: randomUUID(), fence: 1, stepId: 'x' },
      { environment: node.sshd.runnerEnvironment },
    );
    for (const path of ['../x', 'a/../../x', '', 'a\nb', 'a\tb']) {
      const files = [{ path, content: '' }];
      await expect(step.start(1, { ...FILES, script: 'true', files })).rejects.toThrow(/cannot put a file/);
    }
    const environment = { 'A;reboot': '1' };
    await expect(step.start(1, { ...FILES, script: 'true', environment })).rejects.toThrow(/no name for a variable/);
    await shell.close();
  });
});

describe('waiting', () => {
  it('for a port and for SSH ends when they answer', async () => {
    const run = await node.submit(
      { kind: 'node.ssh', input: { withinSeconds: 20 } },
      { kind: 'node.wait', after: ['s0'], input: { tcp: { port: node.sshd.port } } },
      { kind: 'node.wait', after: ['s1'], input: { command: ['sh', '-c', 'exit 0'] } },
    );
    expect((await node.over(run.id)).status).toBe('succeeded');
  });

  it('goes on while they do not, up to the time limit', async () => {
    const run = await node.submit({ kind: 'node.wait', timeoutSeconds: 3, retries: 0, input: { tcp: { port: 1 } } });
    const view = await node.over(run.id);
    expect(view.steps[0]!.reason).toMatch(/timed out after 3 s/);
    expect(await node.logOf(run.id)).toContain('not yet: code');
  });

  it('for SSH ends for good after so long, and at once where the node is no more', async () => {
    await node.sshd.cut();
    const began = Date.now();
    const away = await node.submit({ kind: 'node.ssh', input: { withinSeconds: 3 } });
    const lost = await node.submit(
      { kind: 'node.ssh', input: { nodeId: 'lost', withinSeconds: 300 } },
      { kind: 'node.script', input: { nodeId: 'lost', script: 'true' } },
    );
    const [late, gone] = await Promise.all([node.over(away.id), node.over(lost.id)]);
    await node.sshd.up();
    expect(Date.now() - began).toBeLessThan(30_000);
    expect(late.steps[0]).toMatchObject({ failure: 'permanent', attempt: 1 });
    expect(late.steps[0]!.reason).toMatch(/^no answer in 3 s: cannot reach/);
    for (const step of gone.steps) {
      expect(step).toMatchObject({ failure: 'permanent', attempt: 1 });
      expect(step.reason).toBe('cannot reach lost: there is no lost any more');
    }
  });
});
