import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/pipeline-engine.js';
import { KubernetesRig } from '../support/kubernetes-rig.js';
import { isLxdMissing } from '../support/lxd-server.js';
import { story } from '../support/story.js';

const NAME = 'kubernetes-core';
const WORKLOAD = ['web', '--image', 'muster.test/busybox:1', '--replicas', '6', '--', 'sleep', '1000000'];

describe.skipIf(isLxdMissing)('the life of a Kubernetes', { timeout: 30 * 60_000 }, () => {
  let rig: KubernetesRig;

  beforeAll(async () => {
    rig = await KubernetesRig.start();
  }, 120_000);
  afterAll(() => rig.stop(), 300_000);

  const step = story((title, work) => rig.timed(title, work));
  const kubectl = (...argv: string[]) => rig.kubectl(NAME, ...argv);
  const nodes = async () => (await kubectl('get', 'nodes', '--no-headers')).trim().split('\n');
  const states = async () => (await nodes()).map((line) => line.split(/ +/)[1]);
  const ready = (count: number) => Array.from({ length: count }, () => 'Ready');
  /** Pods that run, on nodes that there are. */
  const running = async () => {
    const there = (await nodes()).map((line) => line.split(' ')[0]);
    const pods = await kubectl('get', 'pods', '-l', 'app=web', '--no-headers', '-o', 'wide');
    return pods
      .trim()
      .split('\n')
      .filter((line) => line.includes(' Running ') && there.some((node) => line.includes(` ${node} `))).length;
  };
  const workloadRuns = () => eventually('all pods run', async () => (await running()) === 6, 180_000);

  step(0, 'up with two workers', async () => {
    await rig.up(NAME, { applications: { 'kubernetes-worker': { num_units: 2, to: ['1', 'new'] } } });
    await rig.saveKubeconfig(NAME);
    expect(await states()).toEqual(ready(3));
    await kubectl('create', 'deployment', ...WORKLOAD);
    await workloadRuns();
  });

  step(1, 'scaled to three workers', async () => {
    await rig.muster('scale', 'kubernetes-worker=3', '--yes');
    expect(await states()).toEqual(ready(4));
    expect(rig.containers()).toHaveLength(4);
    // On request: a node is emptied, and takes pods again; the keys are saved.
    const drained = JSON.parse(await rig.muster('action', 'kubernetes-worker/2', 'drain', '--yes', '--json')) as {
      units: Record<string, { node: string }>;
    };
    const { node } = drained.units['kubernetes-worker/2']!;
    expect((await nodes()).find((line) => line.startsWith(`${node} `))).toContain('Ready,SchedulingDisabled');
    const there = await kubectl('get', 'pods', '-l', 'app=web', '-o', 'wide', `--field-selector=spec.nodeName=${node}`);
    expect(there.trim()).toBe('');
    await rig.muster('action', 'kubernetes-worker/2', 'uncordon');
    expect(await states()).toEqual(ready(4));
    const saved = await rig.muster('action', 'etcd/0', 'snapshot', 'path=/var/backups/keys.db');
    expect(saved).toMatch(/path +\/var\/backups\/keys\.db\nsize +\d+/);
    expect(await rig.muster('exec', 'etcd/0', '--', 'stat', '-c', '%a', '/var/backups/keys.db')).toBe('600\n');
  });

  step(2, 'and back to two: the node that goes is drained first', async () => {
    // So that there is something to move.
    await kubectl('rollout', 'restart', 'deployment/web');
    await kubectl('rollout', 'status', 'deployment/web', '--timeout=180s');
    const said = await rig.muster('scale', 'kubernetes-worker=2', '--yes');
    expect(said).toContain('kubernetes-worker/2');
    expect(await states()).toEqual(ready(3));
    expect(rig.containers()).toHaveLength(3);
    const log = await rig.muster('logs', NAME, '--step', 'remove/kubernetes-worker/2:remove');
    expect(log).toMatch(/evicting pod default\/web-/);
    expect(log).toMatch(/node\/\S+ (evicted|drained)/);
    await workloadRuns();
  });

  step(3, 'upgraded by an option, one worker after the other, which both obey', async () => {
    const wanted = ['upgrade', NAME, '--set', 'kubernetes-worker.max-pods=60'];
    expect(await rig.muster(...wanted, '--dry-run')).toMatch(
      /kubernetes-worker\/0 \([^]*\d\. .*kubernetes-worker\/1 \(/,
    );
    await rig.muster(...wanted, '--yes');
    const pods = await kubectl(
      'get',
      'nodes',
      '-l',
      'muster/unit=worker',
      '-o',
      'jsonpath={.items[*].status.capacity.pods}',
    );
    expect(pods).toBe('60 60');
    await workloadRuns();
  });

  step(4, 'a worker is lost, and replaced', async () => {
    const detail = JSON.parse(await rig.muster('status', NAME, '--json')) as {
      units: { name: string; node: string }[];
      nodes: { key: string; name: string }[];
    };
    const key = detail.units.find((unit) => unit.name === 'kubernetes-worker/1')?.node;
    const node = detail.nodes.find((each) => each.key === key);
    const container = rig.containers().find((name) => name === node?.name) ?? '';
    rig.destroy(container);
    const began = Date.now();
    expect(await rig.fails('verify', NAME)).toContain(`node/${key}:answers`);
    expect((Date.now() - began) / 1000).toBeLessThan(120);
    // The failed run says which.
    await rig.muster('retry', NAME, '--replace', '--yes');
    expect(await states()).toEqual(ready(3));
    expect(rig.containers()).toHaveLength(3);
    await workloadRuns();
  });

  step(5, 'laid again from nothing by a schedule', async () => {
    const file = await rig.saveKubeconfig(NAME);
    const before = readFileSync(file, 'utf8');
    const old = rig.containers();
    const at = ['--cron', '* * * * *', '--deployment', NAME, '--action', 'redeploy'];
    await rig.muster('schedules', 'add', 'again', ...at);
    const firings = async () =>
      JSON.parse(await rig.muster('schedules', 'history', 'again', '--json')) as { status: string }[];
    await eventually('it fires', async () => (await firings()).length > 0, 120_000);
    await rig.muster('schedules', 'pause', 'again');
    await eventually('it is over', async () => (await firings()).at(-1)?.status === 'succeeded', 25 * 60_000);
    await rig.saveKubeconfig(NAME);
    expect(readFileSync(file, 'utf8')).not.toBe(before);
    expect(await states()).toEqual(ready(3));
    expect(rig.containers()).toHaveLength(old.length);
    expect(await kubectl('get', 'deployments')).toBe('');
  });

  it('leaves nothing', async () => {
    await rig.timed('down', () => rig.muster('down', NAME, '--yes'));
    expect(rig.containers()).toEqual([]);
  });
});
