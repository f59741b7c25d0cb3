import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COREDNS } from '../support/kubernetes-artifacts.js';
import { KubernetesRig } from '../support/kubernetes-rig.js';
import { isLxdMissing } from '../support/lxd-server.js';

describe.skipIf(isLxdMissing)('Kubernetes on containers of this computer', { timeout: 40 * 60_000 }, () => {
  let rig: KubernetesRig;

  beforeAll(async () => {
    rig = await KubernetesRig.start();
  }, 120_000);
  afterAll(() => rig.stop(), 300_000);

  const log = (deployment: string, step: string) => rig.muster('logs', deployment, '--step', step);

  describe.each([
    { bundle: 'kubernetes-core', machines: 2, within: 1, nodes: 2 },
    { bundle: 'canonical-kubernetes', machines: 9, within: 0, nodes: 5 },
  ])('$bundle', ({ bundle, machines, within, nodes }) => {
    let isUp = false;

    it(`is up on ${machines} containers and ${within} in one of them after one command, verified`, async () => {
      const said = await rig.up(bundle);
      expect(said).toContain(`${bundle} is up`);
      expect(rig.containers()).toHaveLength(machines);
      const list = await rig.muster('nodes', 'list', bundle, '--json');
      expect((JSON.parse(list) as { on: string | null }[]).filter(({ on }) => on !== null)).toHaveLength(within);
      isUp = true;
    });

    it('gives a kubeconfig, which only its owner can read and a stock kubectl uses', async ({ skip }) => {
      if (!isUp) skip('it is not up');
      const file = await rig.saveKubeconfig(bundle);
      expect(statSync(file).mode & 0o777).toBe(0o600);
      const stdout = await rig.kubectl(bundle, 'get', 'nodes', '--no-headers');
      expect(stdout.trim().split('\n')).toHaveLength(nodes);
      expect(stdout.match(/ Ready /g)).toHaveLength(nodes);
      expect(await rig.muster('outputs', bundle)).toMatch(/kubeconfig\s+\(secret\)/);
      expect(await rig.muster('status', bundle)).not.toContain('client-key-data');
    });

    it('is verified again', async ({ skip }) => {
      if (!isUp) skip('it is not up');
      await rig.timed(`${bundle}: verify`, () => rig.muster('verify', bundle));
      const smoke = await log(bundle, 'kubernetes-control-plane/0:kubernetes-smoke');
      expect(smoke).toContain(`a Deployment of ${nodes + 1} pods is on all ${nodes} nodes`);
      expect(smoke.match(/deployment "hello" successfully rolled out/g), 'its waits are in the log').toHaveLength(2);
      expect(smoke).toMatch(/a rolling restart of all pods: \d+ requests, none failed/);
    });

    it('has names for services', async ({ skip }) => {
      if (!isUp || COREDNS === '') skip(isUp ? 'CoreDNS could not be built here' : 'it is not up');
      const smoke = await log(bundle, 'kubernetes-control-plane/0:kubernetes-smoke');
      expect(smoke).toContain('pods find the Service by its name');
    });

    it('leaves nothing', async () => {
      await rig.timed(`${bundle}: down`, () => rig.muster('down', bundle, '--yes'));
      expect(rig.containers()).toEqual([]);
    });
  });

  it('has told no secret to a log', () => {
    const file = join(rig.dir, 'data/serve.log');
    expect(existsSync(file)).toBe(true);
    expect(readFileSync(file, 'utf8')).not.toMatch(/PRIVATE KEY|client-key-data/);
  });
});
