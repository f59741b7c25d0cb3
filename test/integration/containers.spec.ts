import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileBundle, formatDiagnostics, loadBundle, parseRole, type RoleLibrary } from '../../src/bundles/index.js';
import type { CloudProvider, NodeRequest } from '../../src/clouds/index.js';
import { ContainerImageHandler, withStoredImages } from '../../src/deployments/containers/container-image.handler.js';
import { ContainerProvider } from '../../src/deployments/containers/container-provider.js';
import { containerScripts, insideOf } from '../../src/deployments/containers/container-scripts.js';
import { deploymentPlan, leaving, removalPlan } from '../../src/deployments/deployment-plan.js';
import { Deployment } from '../../src/deployments/deployment.entity.js';
import { ForgetNodeHandler } from '../../src/deployments/forget-node.handler.js';
import { KnownNodeHandler } from '../../src/deployments/known-node.handler.js';
import { DeploymentNodes } from '../../src/deployments/node-directory.js';
import { Node } from '../../src/deployments/node.entity.js';
import { RecordNodeHandler } from '../../src/deployments/record-node.handler.js';
import { RemoveDeploymentHandler } from '../../src/deployments/remove-deployment.handler.js';
import { nodeHandlers } from '../../src/pipeline/index.js';
import { step, type Plan } from '../../src/plan/index.js';
import { SshRemote } from '../../src/platform/remote/index.js';
import { containerImages } from '../support/container-images.js';
import { Datastores } from '../support/datastores.js';
import { isLxdMissing, LxdServer } from '../support/lxd-server.js';
import { handler, reversingSecretBox, TestEngine } from '../support/pipeline-engine.js';
import { shippedRoles } from '../support/shipped-bundles.js';
import { Sshd } from '../support/sshd.js';

const ROLE = `role: hello
summary: Says where it is
bases: [debian@12]
container: {nesting: true}
steps:
  say: {run: say.sh, publishes: [host]}
`;
const SAY = `echo "on $(hostname), PID 1 is $(cat /proc/1/comm)"; echo "host=$(hostname)" >>"$MUSTER_OUTPUT"\n`;
const BUNDLE = `applications:
  outside: {role: hello}
  inside: {role: hello, to: ["lxd:outside"], constraints: mem=256M cores=1}
`;

describe.skipIf(isLxdMissing)('a container on a node, with a real LXD', () => {
  let stores: Datastores;
  let dataSource: DataSource;
  let sshd: Sshd;
  let lxd: LxdServer;
  let remote: SshRemote;
  let nodes: DeploymentNodes;
  let engine: TestEngine;
  let deployment: Deployment;

  beforeAll(async () => {
    [stores, sshd] = await Promise.all([Datastores.start(), Sshd.start()]);
    ({ dataSource } = await stores.createDatabase());
    lxd = LxdServer.start();
    remote = new SshRemote();
    nodes = new DeploymentNodes(dataSource, reversingSecretBox as never);
    const images = containerImages();
    const artifacts = withStoredImages(
      {
        findContent: async () => await images.findContainerRoot({ os: 'debian', release: '12', architecture: 'amd64' }),
      },
      { open: () => Promise.reject(new Error('nothing else is fetched')) },
    );
    engine = new TestEngine({
      ...{ dataSource, redisUrl: stores.redis.url, prefix: randomUUID() },
      handlers: [
        handler('test.host', () => ({ kind: 'done' })),
        new ContainerImageHandler(images),
        new RecordNodeHandler(dataSource, remote, nodes),
        new KnownNodeHandler(dataSource),
        new ForgetNodeHandler(dataSource),
        new RemoveDeploymentHandler(dataSource),
        ...nodeHandlers({ remote, nodes, artifacts }, { environment: { ...sshd.runnerEnvironment, LXD_DIR: lxd.dir } }),
      ],
    }).start();
    deployment = await newDeployment();
  }, 200_000);
  afterAll(async () => {
    await engine.stop();
    await remote.close();
    await lxd.stop();
    await dataSource.destroy();
    await Promise.all([stores.stop(), sshd.stop()]);
  });

  function newDeployment(): Promise<Deployment> {
    const id = randomUUID();
    return dataSource.getRepository(Deployment).save(
      Object.assign(new Deployment(), {
        ...{ id, name: 'box', cloud: 'ssh', bundle: 'box', files: [], options: {}, version: 1, createdBy: 'tester' },
        ...{ sshPublicKey: readFileSync(join(sshd.dir, 'client.pub'), 'utf8').trim(), removedAt: null },
        sshPrivateKey: reversingSecretBox.seal(sshd.target.privateKey, id),
      }),
    );
  }

  /** A host that one has: this computer, by its own sshd. */
  const host: CloudProvider = {
    kind: 'ssh',
    bases: () => Promise.resolve([{ os: 'debian', release: '12' }]),
    preview: () => Promise.resolve([]),
    planNode: ({ key }) => ({
      steps: [step({ key: `node/${key}:take`, kind: 'test.host', title: 'take the host' })],
      lastStep: `node/${key}:take`,
      registration: {
        ...{ name: 'host', machineId: null, address: sshd.target.host, sshPort: sshd.target.port },
        hostKeys: sshd.target.hostKeys,
      },
    }),
    held: () => Promise.resolve([]),
    planRemoval: ({ key }, after) => [step({ key: `node/${key}:leave`, kind: 'test.host', title: 'leave it', after })],
    planAbandonment: () => [],
    removalOf: ({ name }) => ({ change: `leave ${name}`, destroys: [] }),
  };

  function roles(): RoleLibrary {
    const { role, diagnostics } = parseRole({ name: 'role.yaml', text: ROLE }, { 'say.sh': SAY });
    if (role === null) throw new Error(formatDiagnostics(diagnostics));
    return new Map([...shippedRoles(), ['hello', role]]);
  }

  const provider = () => new ContainerProvider(host, containerScripts(roles()), deployment.id);
  const standing = () => dataSource.getRepository(Node).findBy({ deploymentId: deployment.id });

  async function upPlan(): Promise<Plan> {
    const { bundle, diagnostics } = loadBundle([{ name: 'bundle.yaml', text: BUNDLE }], roles());
    if (bundle === null) throw new Error(formatDiagnostics(diagnostics));
    const { nodes: planned, units, plan } = compileBundle({ bundle, roles: roles() });
    const requests = planned.map((node): NodeRequest => ({
      ...{ deploymentId: deployment.id, deploymentName: 'box', key: node.key, hostname: `box-${node.key}` },
      ...{ constraints: node.constraints, base: node.base, container: node.container, layout: 'flat' },
      ...insideOf(node, units),
      authorizedKeys: [deployment.sshPublicKey],
    }));
    const existing = new Map((await standing()).map((node) => [node.key, node]));
    return deploymentPlan({ requests, existing, unitSteps: plan.steps, provider: provider() });
  }

  async function run(plan: Plan) {
    const subject = { kind: 'deployment', id: deployment.id };
    const { id } = await engine.runs.submit(null, { subject, action: 'up', title: 'a test', actor: 'tester', plan });
    const view = await engine.runs.untilOver(id, AbortSignal.timeout(240_000));
    const wrong = view.steps
      .filter(({ status }) => status !== 'succeeded')
      .map(({ key, reason }) => `${key}: ${reason ?? ''}`);
    for (const { key } of view.steps.filter(({ status }) => status === 'failed'))
      wrong.push((await engine.runs.log(id, key)).map((piece) => piece.text).join(''));
    expect(wrong).toEqual([]);
    return { id, outputs: await engine.runs.outputs(id) };
  }

  it('is made, reached through its host, and a unit is laid in it', async () => {
    const { outputs } = await run(await upPlan());
    const said = outputs
      .filter(({ name }) => name === 'host')
      .map(({ step: key, value }) => `${key} ${value as string}`);
    expect(said[1]).toMatch(/^inside\/0:say box-outside-0-lxd-inside-0/);
    const [inside] = (await standing()).filter((node) => node.hostNodeId !== null);
    expect(inside).toMatchObject({ key: 'outside-0/lxd/inside-0', architecture: 'amd64', sshPort: 22 });
    expect(lxd.lxc('config', 'get', inside!.name, 'limits.memory')).toBe('256MiB\n');
    const target = await nodes.get(deployment, 'outside-0/lxd/inside-0');
    expect(target.via).toMatchObject({ name: 'host', port: sshd.port });
    // Nobody but its host need reach it: another host key is refused all the same.
    const shell = await remote.connect(target);
    expect((await shell.exec(['cat', '/proc/1/comm'])).stdout).toBe('systemd\n');
    await shell.close();
    await expect(remote.connect({ ...target, hostKeys: sshd.target.hostKeys })).rejects.toThrow(/host key/);
  }, 300_000);

  it('is not made twice', async () => {
    const plan = await upPlan();
    expect(plan.steps.map(({ kind }) => kind)).not.toContain('container.image');
    await run(plan);
    expect(lxd.lxc('list', '-c', 'n', '-f', 'csv').trim().split('\n')).toHaveLength(1);
  }, 100_000);

  it('goes before its host, and nothing stays', async () => {
    await run(removalPlan((await standing()).map(leaving), provider()));
    const left = (...argv: string[]) => lxd.lxc(...argv, '-f', 'csv').trim();
    expect([left('list'), left('image', 'list'), left('storage', 'list')]).toEqual(['', '', '']);
    expect(left('network', 'list')).not.toContain('musterbr0');
    expect(lxd.lxc('profile', 'list', '-f', 'csv')).not.toContain('muster');
  }, 100_000);
});
