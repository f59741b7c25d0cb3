import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CloudProvider, ExistingNode, NodeRequest } from '../../src/clouds/index.js';
import type { StepHandler } from '../../src/pipeline/index.js';
import { generateSshKey, SshRemote, type RemoteTarget } from '../../src/platform/remote/index.js';
import { PlanRunner } from './plan-runner.js';

/** A cloud as the contract sees it. */
export interface CloudUnderTest {
  provider: CloudProvider;
  handlers: readonly StepHandler[];
  base: NodeRequest['base'];
  /** Whether a node is up that has no SSH server, because it is a part that a test plays. */
  isUp?: (node: Registration) => boolean;
  /** What a privileged node that nests must be able to do: a script that succeeds. Absent: nodes are no containers. */
  privileged?: string;
  /** What a node of it cannot offer. */
  impossible: NodeRequest['constraints'];
  stop(): Promise<void>;
}

/** What `deployment.node` records. */
export interface Registration {
  name: string;
  machineId: string | null;
  address: string;
  sshHost?: string | null;
  sshPort?: number;
  sshUser?: string;
  hostKeys: string[];
}

let deployments = 0;

/** What every provider promises, tried on a real cloud of its kind. */
export function cloudContract(kind: string, start: () => Promise<CloudUnderTest>): void {
  describe(`a cloud of the kind ${kind}`, () => {
    let cloud: CloudUnderTest;
    const remote = new SshRemote();
    const client = generateSshKey('contract');
    const deploymentId = `00000000-0000-4000-8000-${`${process.pid}${deployments++}`.padStart(12, '0')}`;

    beforeAll(async () => {
      cloud = await start();
    });
    afterAll(async () => {
      await remote.close();
      await cloud.stop();
    });

    const request = (key: string, more: Partial<NodeRequest> = {}): NodeRequest => ({
      ...{ deploymentId, deploymentName: 'contract', key, hostname: `contract-${key}`, layout: 'flat' },
      ...{ constraints: {}, base: cloud.base, container: { nesting: false, privileged: false } },
      authorizedKeys: [client.publicKey],
      ...more,
    });
    const runner = () => new PlanRunner(cloud.handlers, deploymentId);
    const stepsOf = (wanted: NodeRequest) => {
      const { provider } = cloud;
      const { steps, registration, lastStep } = provider.planNode(wanted);
      return { steps: [...(provider.planShared?.([wanted]) ?? []), ...steps], registration, lastStep };
    };
    const made = async (wanted: NodeRequest): Promise<Registration> => {
      const running = runner();
      const { steps, registration, lastStep } = stepsOf(wanted);
      await running.run(steps);
      expect(running.outputs.has(lastStep)).toBe(true);
      return running.resolve(registration) as unknown as Registration;
    };
    const targetOf = (node: Registration): RemoteTarget => ({
      host: node.sshHost ?? node.address,
      port: node.sshPort ?? 22,
      user: node.sshUser ?? 'root',
      hostKeys: node.hostKeys,
      privateKey: client.privateKey,
    });
    const asRoot = async (node: Registration, ...argv: string[]) => {
      const shell = await remote.connect(targetOf(node));
      const { stdout } = await shell.exec(argv);
      await shell.close();
      return stdout.trim();
    };
    const existing = (key: string, { name, machineId }: Registration): ExistingNode => ({
      ...{ key, name, machineId },
      nodeId: 'recorded',
    });
    let first: Registration;

    it('gives at least the base that is asked for here', async () => {
      expect(await cloud.provider.bases()).toContainEqual(cloud.base);
    });

    it('says of every node what it would be, and changes nothing by it', async () => {
      const previews = await cloud.provider.preview([request('0'), request('1')]);
      expect(previews.map(({ key }) => key)).toEqual(['0', '1']);
      for (const { choice } of previews) expect(choice).not.toBe('');
      expect(await cloud.provider.held(deploymentId)).toEqual([]);
    });

    it('makes equal plans of equal wishes', () => {
      expect(JSON.stringify(stepsOf(request('0')))).toBe(JSON.stringify(stepsOf(request('0'))));
    });

    it('makes a node that lets us in as root by the pinned host key, and no other', async () => {
      first = await made(request('0'));
      expect(first.hostKeys.length).toBeGreaterThan(0);
      if (cloud.isUp !== undefined) {
        expect(cloud.isUp(first)).toBe(true);
        return;
      }
      expect(await asRoot(first, 'id', '-u')).toBe('0');
      const other = { ...targetOf(first), hostKeys: [generateSshKey('other').publicKey] };
      await expect(remote.connect(other)).rejects.toThrow(/host key/);
    });

    it('gives the same node when its steps run again', async () => {
      expect(await made(request('0'))).toEqual(first);
    });

    it('refuses what it cannot offer, or says that nothing fits', async () => {
      const wanted = request('9', { constraints: cloud.impossible });
      const answer = await cloud.provider.preview([wanted]).then(
        ([preview]) => preview?.choice ?? '',
        (error: unknown) => (error instanceof Error ? error.message : ''),
      );
      expect(answer).toMatch(/cannot|no machine|no host/);
    });

    it('knows what it holds for a deployment, also where no node came of it', async () => {
      const { steps } = stepsOf(request('1'));
      // All but the last step: a failed `up`.
      await runner().run(steps.slice(0, -1));
      const keys = (await cloud.provider.held(deploymentId)).map(({ key }) => key);
      expect(keys.sort()).toEqual(['0', '1']);
      expect((await cloud.provider.hasLost?.(existing('0', first))) ?? false).toBe(false);
    });

    it('lets a node do what its roles need', async () => {
      const { privileged, provider } = cloud;
      if (privileged === undefined) return;
      const node = await made(request('2', { container: { nesting: true, privileged: true } }));
      const shell = await remote.connect(targetOf(node));
      expect(await shell.exec(['sh', '-ec', privileged])).toMatchObject({ code: 0, stderr: '' });
      await shell.close();
      await runner().run(provider.planRemoval(existing('2', node), []));
    });

    it('takes everything back, made or half made, and a second time without complaint', async () => {
      const { provider } = cloud;
      const unfinished = (await provider.held(deploymentId)).filter(({ key }) => key === '1');
      const nodes = [existing('0', first), ...unfinished];
      for (const node of nodes) expect(provider.removalOf(node, false).change).toContain(node.name);
      for (const _ of ['once', 'again']) await runner().run(nodes.flatMap((node) => provider.planRemoval(node, [])));
      expect(await provider.held(deploymentId)).toEqual([]);
      expect((await provider.hasLost?.(existing('0', first))) ?? true).toBe(true);
      if (cloud.isUp !== undefined) {
        expect(cloud.isUp(first)).toBe(false);
        return;
      }
      // Not by a connection that is open still.
      const anew = new SshRemote();
      await expect(anew.connect(targetOf(first), { timeoutMs: 3000 })).rejects.toThrow();
      await anew.close();
    });
  });
}
