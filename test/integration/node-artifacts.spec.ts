import 'reflect-metadata';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { NodeSteps } from '../support/node-steps.js';
import { eventually } from '../support/pipeline-engine.js';

let node: NodeSteps;
beforeAll(async () => {
  node = await NodeSteps.start();
});
afterAll(() => node.stop());
/** The artifact's URL is a path of this computer. */
const artifacts = {
  open: ({ url }: { url: string }) => Promise.resolve({ path: url, sizeBytes: statSync(url).size }),
};
beforeEach(() => node.begin({ artifacts }));
afterEach(() => node.end());

/** A file that scripts append a line to each time they run. */
const counter = () => join(node.sshd.dir, `count-${randomUUID()}`);
const linesOf = (path: string) => (existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n').length : 0);

describe('artifacts of a step', () => {
  const folderOf = (sha256: string) => join(node.sshd.runnerEnvironment.MUSTER_ROOT, 'artifacts', sha256);

  function artifact(bytes: number) {
    const url = join(node.sshd.dir, `source-${randomUUID()}`);
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
    const run = await node.submit({ input }, { after: ['s0'], input });
    expect(await node.over(run.id)).toMatchObject({ status: 'succeeded', reason: null });
    const said = `${entry.sha256}  -\n${kept} <>\n644\n`;
    expect(await node.logOf(run.id)).toBe(`[muster: sending a.tar.gz to the node from byte 0 of 5000001]\n${said}`);
    expect(await node.logOf(run.id, 's1')).toBe(said);
    expect(readdirSync(folderOf(entry.sha256))).toEqual(['a.tar.gz']);
    expect(readFileSync(kept).equals(readFileSync(url))).toBe(true);
  });

  it('are not sent where the check finds the step done, and are sent again where they are damaged', async () => {
    const { entry, kept } = artifact(1000);
    const done = await node.submit({ input: { script: 'exit 1', checkScript: 'exit 0', artifacts: [entry] } });
    expect((await node.over(done.id)).status).toBe('succeeded');
    expect(existsSync(kept)).toBe(false);
    const input = { script: 'sha256sum <"$ARTIFACT_A_FILE"', artifacts: [entry] };
    await node.over((await node.submit({ input })).id);
    writeFileSync(kept, 'other bytes');
    const again = await node.submit({ input });
    await node.over(again.id);
    expect(await node.logOf(again.id)).toContain(`${entry.sha256}  -`);
  });

  it('go on from where a cut stopped them', async () => {
    const { entry, kept, url } = artifact(80 << 20);
    const count = counter();
    const run = await node.submit({ repeatable: false, input: { script: `echo once >>${count}`, artifacts: [entry] } });
    const part = () => readdirSync(folderOf(entry.sha256)).find((name) => name.endsWith('.part'));
    const sent = () => statSync(join(folderOf(entry.sha256), part() ?? 'none')).size;
    await eventually('some is sent', () => existsSync(folderOf(entry.sha256)) && part() !== undefined && sent() > 1e6);
    await node.sshd.cut();
    const before = sent();
    expect(before).toBeLessThan(80 << 20);
    await sleep(500);
    await node.sshd.up();
    expect((await node.over(run.id)).status).toBe('succeeded');
    const from = [...(await node.logOf(run.id)).matchAll(/from byte (\d+)/g)].map(([, byte]) => Number(byte));
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
    const run = await node.submit({
      ...{ timeoutSeconds: 4, retries: 0 },
      input: { script: `echo once >>${count}`, artifacts: [entry] },
    });
    expect((await node.over(run.id)).status).toBe('failed');
    expect(await node.logOf(run.id)).toContain('has another SHA-256');
    expect([existsSync(kept), linesOf(count)]).toEqual([false, 0]);
  });
});
