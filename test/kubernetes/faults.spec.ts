import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunDetail } from '../../src/api/contract/index.js';
import { eventually } from '../support/pipeline-engine.js';
import { KubernetesRig } from '../support/kubernetes-rig.js';
import { isLxdMissing } from '../support/lxd-server.js';
import { story } from '../support/story.js';

const NAME = 'kubernetes-core';

describe.skipIf(isLxdMissing)('a Kubernetes that grows while nodes fail', { timeout: 30 * 60_000 }, () => {
  let rig: KubernetesRig;

  beforeAll(async () => {
    rig = await KubernetesRig.start();
  }, 120_000);
  afterAll(() => rig.stop(), 300_000);

  const step = story((title, work) => rig.timed(title, work));
  const states = async () => {
    const nodes = await rig.kubectl(NAME, 'get', 'nodes', '--no-headers');
    return nodes
      .trim()
      .split('\n')
      .map((line) => line.split(/ +/)[1]);
  };
  const lastRun = async () => JSON.parse(await rig.muster('runs', 'show', NAME, '--json')) as RunDetail;
  /** The join is on: this step of the newest run runs. */
  const hasBegun = (key: string) =>
    eventually(
      `${key} runs`,
      async () => (await lastRun()).steps.some((each) => each.key === key && each.status === 'running'),
      300_000,
    );

  step(0, 'up', async () => {
    await rig.up(NAME);
    await rig.saveKubeconfig(NAME);
    expect(await states()).toEqual(['Ready', 'Ready']);
  });

  step(1, "the control plane's node is rebooted while a worker joins: it joins nevertheless", async () => {
    const scaled = rig.muster('scale', 'kubernetes-worker=2', '--yes');
    await Promise.race([hasBegun('kubernetes-worker/1:install'), scaled]);
    rig.reboot('kubernetes-core-0');
    await scaled;
    expect(await states()).toEqual(['Ready', 'Ready', 'Ready']);
    // What is in a container on that node is back with it.
    expect(await rig.muster('exec', `${NAME}:easyrsa/0`, '--', 'cat', '/proc/1/comm')).toContain('systemd');
    await rig.muster('verify', NAME);
  });

  step(2, 'a worker is gone in the middle of its join: the run says so soon', async () => {
    const before = new Set(rig.containers());
    const scaled = rig.fails('scale', 'kubernetes-worker=3', '--yes');
    await Promise.race([hasBegun('kubernetes-worker/2:install'), scaled]);
    const [added = 'none'] = rig.containers().filter((name) => !before.has(name));
    rig.destroy(added);
    const began = Date.now();
    expect(await scaled).toMatch(new RegExp(`cannot reach ${added}: localhost has no ${added} any more`));
    expect((Date.now() - began) / 1000).toBeLessThan(180);
  });

  step(3, 'and another takes its place', async () => {
    await rig.muster('retry', NAME, '--replace', '--yes');
    expect(await states()).toEqual(['Ready', 'Ready', 'Ready', 'Ready']);
    await rig.muster('verify', NAME);
  });

  it('leaves nothing', async () => {
    await rig.timed('down', () => rig.muster('down', NAME, '--yes'));
    expect(rig.containers()).toEqual([]);
  });
});
