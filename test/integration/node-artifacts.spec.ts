import 'reflect-metadata';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { nodeHandlers } from '../../src/pipeline/index.js';
import { step, type JsonObject, type StepSpec } from '../../src/plan/index.js';
import { SshRemote } from '../../src/platform/remote/index.js';
import { Datastores } from '../support/datastores.js';
import { eventually, TestEngine } from '../support/pipeline-engine.js';
import { Sshd } from '../support/sshd.js';

let stores: Datastores;
let dataSource: DataSource;
let sshd: Sshd;
let remote: SshRemote;
let engine: TestEngine;

beforeAll(async () => {
  [stores, sshd] = await Promise.all([Datastores.start(), Sshd.start()]);
  ({ dataSource } = await stores.createDatabase());
});
afterAll(async () => {
  await dataSource.destroy();
  await Promise.all([stores.stop(), sshd.stop()]);
});
/** The artifact's URL is a path of this computer. */
const artifacts = {
  open: ({ url }: { url: string }) => Promise.resolve({ path: url, sizeBytes: statSync(url).size }),
};
beforeEach(() => {
  remote = new SshRemote({ connectTimeoutMs: 2000 });
  const nodes = {
    find: (id: string) => Promise.resolve(id === 'gone' ? null : { ...sshd.target, name: id }),
  };
  engine = new TestEngine({
    dataSource,
    redisUrl: stores.redis.url,
    prefix: randomUUID(),
    handlers: nodeHandlers({ remote, nodes, artifacts }, { environment: sshd.runnerEnvironment }),
  }).start();
});
afterEach(async () => {
  await engine.stop();
  await remote.close();
});

function submit(...steps: (Partial<StepSpec> & { input: JsonObject })[]) {
  const specs = steps.map((spec, n) =>
    step({
      key: `s${n}`,
      kind: 'node.script',
      title: 'a script',
      retries: 1,
      ...spec,
      input: { nodeId: 'n', ...spec.input },
    }),
  );
  return engine.runs.submit(null, {
    subject: { kind: 'deployment', id: randomUUID() },
    action: 'test',
    title: 'a test',
    actor: 'tester',
    plan: { steps: specs },
  });
}
const over = (id: string) => engine.runs.untilOver(id, AbortSignal.timeout(40_000));
const logOf = async (id: string, key = 's0') => (await engine.runs.log(id, key)).map((piece) => piece.text).join('');
/** A file that scripts append a line to each time they run. */
const counter = () => join(sshd.dir, `count-${randomUUID()}`);
const linesOf = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').length : 0);

describe('artifacts of a step', () => {
  const folderOf = (sha256: string) => join(sshd.runnerEnvironment.MUSTER_ROOT, 'artifacts', sha256);

  function artifact(bytes: number) {
    const url = join(sshd.dir, `source-${randomUUID()}`);
    const content = randomBytes(bytes);
    writeFileSync(url, content);
    const sha256 = createHash('sha256').update(content).digest('hex');
    const kept = join(folderOf(sha256), 'a.tar.gz');
    return { kept, url, sha256, entry: { name: 'a-file', url, sha256, fileName: 'a.tar.gz' } };
  }

  it('are on the node before its script starts, and are sent once', async () => {
    const { entry, kept, url } = artifact(5_000_001);
    const none = { name: 'none', url: '', sha256: '', fileName: 'none' };
    const script =
      'sha256sum <"$ARTIFACT_A_FILE"; echo "$ARTIFACT_A_FILE <$ARTIFACT_NONE>"; stat -c %a "$ARTIFACT_A_FILE"';
    const input = { script, artifacts: [entry, none] };
    const run = await submit({ input }, { after: ['s0'], input });
    expect(await over(run.id)).toMatchObject({ status: 'succeeded', reason: null });
    const said = `${entry.sha256}  -\n${kept} <>\n644\n`;
    expect(await logOf(run.id)).toBe(`[muster: sending a.tar.gz to the node from byte 0 of 5000001]\n${said}`);
    expect(await logOf(run.id, 's1')).toBe(said);
    expect(readdirSync(folderOf(entry.sha256))).toEqual(['a.tar.gz']);
    expect(readFileSync(kept).equals(readFileSync(url))).toBe(true);
  });

  it('are not sent where the check finds the step done, and are sent again where they are damaged', async () => {
    const { entry, kept } = artifact(1000);
    const done = await submit({ input: { script: 'exit 1', checkScript: 'exit 0', artifacts: [entry] } });
    expect((await over(done.id)).status).toBe('succeeded');
    expect(existsSync(kept)).toBe(false);
    const input = { script: 'sha256sum <"$ARTIFACT_A_FILE"', artifacts: [entry] };
    await over((await submit({ input })).id);
    writeFileSync(kept, 'other bytes');
    const again = await submit({ input });
    await over(again.id);
    expect(await logOf(again.id)).toContain(`${entry.sha256}  -`);
  });

  it('go on from where a cut stopped them', async () => {
    const { entry, kept, url } = artifact(80 << 20);
    const count = counter();
    const run = await submit({ repeatable: false, input: { script: `echo once >>${count}`, artifacts: [entry] } });
    const part = () => readdirSync(folderOf(entry.sha256)).find((name) => name.endsWith('.part'));
    const sent = () => statSync(join(folderOf(entry.sha256), part() ?? 'none')).size;
    await eventually('some is sent', () => existsSync(folderOf(entry.sha256)) && part() !== undefined && sent() > 1e6);
    await sshd.cut();
    const before = sent();
    expect(before).toBeLessThan(80 << 20);
    await sleep(500);
    await sshd.up();
    expect((await over(run.id)).status).toBe('succeeded');
    const from = [...(await logOf(run.id)).matchAll(/from byte (\d+)/g)].map(([, byte]) => Number(byte));
    expect(from[0]).toBe(0);
    expect(from.at(-1)).toBeGreaterThanOrEqual(before);
    expect(readFileSync(kept).equals(readFileSync(url))).toBe(true);
    expect(linesOf(count)).toBe(1);
    expect(readdirSync(folderOf(entry.sha256))).toEqual(['a.tar.gz']);
  });

  it('that came wrong are refused, and the script is not started', async () => {
    const { entry, kept, url } = artifact(1000);
    writeFileSync(url, randomBytes(1000));
    const count = counter();
    const run = await submit({
      ...{ timeoutSeconds: 4, retries: 0 },
      input: { script: `echo once >>${count}`, artifacts: [entry] },
    });
    expect((await over(run.id)).status).toBe('failed');
    expect(await logOf(run.id)).toContain('has another SHA-256');
    expect([existsSync(kept), linesOf(count)]).toEqual([false, 0]);
  });
});
