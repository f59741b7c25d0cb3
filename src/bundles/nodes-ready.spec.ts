import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const ROLES = join(import.meta.dirname, '../../bundles/roles');
const KUBECTL = `#!/bin/bash
# Each call for the nodes answers with the next file; the last one stays.
case "$*" in
*'get nodes -o json')
  next=$(( $(cat calls 2>/dev/null || echo 0) + 1 ))
  [ -e "answer-$next" ] || next=$((next - 1))
  echo "$next" >calls
  cat "answer-$next"
  ;;
*readyz*)
  if [ -e cut-once ]; then
    rm cut-once
    echo 'net/http: TLS handshake timeout' >&2
    exit 1
  fi
  echo 'readyz check passed'
  ;;
*'-o wide') [ ! -e cut-wide ] || exit 1 ;;
esac
`;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'muster-ready-'));
  writeFileSync(join(folder, 'kubectl'), KUBECTL);
  chmodSync(join(folder, 'kubectl'), 0o755);
  symlinkSync(join(ROLES, 'shared/kubernetes.sh'), join(folder, 'kubernetes.sh'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

type Node = [name: string, ready: string, message: string];

function answers(...each: Node[][]): void {
  for (const [index, nodes] of each.entries()) {
    const items = nodes.map(([name, status, message]) => ({
      metadata: { name },
      status: { conditions: [{ type: 'Ready', status, reason: 'NodeStatusUnknown', message }] },
    }));
    writeFileSync(join(folder, `answer-${index + 1}`), JSON.stringify({ items }));
  }
}

function run(unreadySeconds: number, verifySeconds = 30) {
  const environment = {
    ...process.env,
    PATH: `${folder}:${process.env.PATH}`,
    OPT_UNREADY_SECONDS: String(unreadySeconds),
    OPT_VERIFY_SECONDS: String(verifySeconds),
    REL_KUBE_CONTROL_UNITS: '1',
    REL_KUBE_CONTROL_0_NODE_NAME: 'worker',
  };
  const script = join(ROLES, 'kubernetes-control-plane/nodes-ready.sh');
  return new Promise<{ code: number; stdout: string; stderr: string; seconds: number }>((resolve) => {
    const began = Date.now();
    const child = execFile('bash', [script], { cwd: folder, env: environment }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr, seconds: (Date.now() - began) / 1000 }),
    );
  });
}

describe('every node is Ready', { timeout: 20_000 }, () => {
  it('is so at once where they are', async () => {
    answers([['worker', 'True', 'posting']]);
    expect(await run(60)).toMatchObject({ code: 0, stderr: '' });
  });

  it('is waited for as long as something changes', async () => {
    const states = ['starting', 'loading', 'pulling'].map((message): Node[] => [['worker', 'False', message]]);
    answers(...states, [['worker', 'True', 'posting']]);
    const { code, stdout } = await run(2);
    expect(code).toBe(0);
    expect(stdout).toContain('worker is not Ready: NodeStatusUnknown: starting\n');
    expect(stdout).toContain('pulling');
  });

  it('is asked again where the API server was too busy to answer', async () => {
    answers([['worker', 'True', 'posting']]);
    for (const cut of ['cut-once', 'cut-wide']) writeFileSync(join(folder, cut), '');
    const { code, stdout } = await run(60);
    expect(code).toBe(0);
    expect(stdout).toContain('the API server is not ready');
  });

  it('is given up soon for a node that stays away, which is named', async () => {
    answers([['worker', 'Unknown', 'Kubelet stopped posting node status.']]);
    const { code, stdout, stderr, seconds } = await run(2);
    expect(code).toBe(1);
    expect(seconds).toBeLessThan(10);
    expect(stdout).toMatch(/^worker is not Ready: NodeStatusUnknown: Kubelet stopped/);
    expect(stderr).toContain('nothing changes for 2 seconds: worker is not Ready');
  });

  it('is not so while a unit of the bundle is no node', async () => {
    answers([['other', 'True', 'posting']]);
    expect((await run(1)).stderr).toContain('worker is no node of the cluster');
  });

  it('is given up at the end of its time where states come and go', async () => {
    answers(...Array.from({ length: 20 }, (_, index): Node[] => [['worker', 'False', `try ${index}`]]));
    const { code, stderr, seconds } = await run(5, 2);
    expect(code).toBe(1);
    expect(seconds).toBeLessThan(10);
    expect(stderr).toContain('after 2 seconds still: worker is not Ready');
  });
});
