import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DataSource, IsNull } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileBundle, formatDiagnostics, loadBundle, parseRole, type RoleLibrary } from '../../src/bundles/index.js';
import type { CloudProvider, NodeRequest } from '../../src/clouds/index.js';
import { ContainerImageHandler, withStoredImages } from '../../src/deployments/containers/container-image.handler.js';
import { ContainerProvider } from '../../src/deployments/containers/container-provider.js';
import { containerScripts, insideOf } from '../../src/deployments/containers/container-scripts.js';
import { SendContainerHandler } from '../../src/deployments/containers/send-container.handler.js';
import { ContainersService } from '../../src/deployments/containers.service.js';
import { deploymentPlan, leaving, withoutClones } from '../../src/deployments/deployment-plan.js';
import { teardownPlan } from '../../src/deployments/teardown-plan.js';
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
  outside: {role: hello, num_units: 2}
  inside: {role: hello, num_units: 2, to: ["lxd:outside/0", "lxd:outside/0"], constraints: mem=256M cores=1}
`;

/** What a unit lays: something that runs, and something that starts it by the clock. */
const UNIT_SERVICE = `cd /etc/systemd/system
printf '[Service]\\nExecStart=/bin/sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\n' >unit.service
printf '[Timer]\\nOnBootSec=1s\\n[Install]\\nWantedBy=timers.target\\n' >unit.timer
systemctl daemon-reload
systemctl enable --now unit.service unit.timer`;

describe.skipIf(isLxdMissing)('a container on a node, with a real LXD', () => {
  let stores: Datastores;
  let dataSource: DataSource;
  /** Two hosts: this computer by two sshds, and an LXD for each. */
  let sshd: Sshd;
  let otherSshd: Sshd;
  let lxd: LxdServer;
  let otherLxd: LxdServer;
  let remote: SshRemote;
  let nodes: DeploymentNodes;
  let engine: TestEngine;
  let deployment: Deployment;

  beforeAll(async () => {
    [lxd, otherLxd] = [LxdServer.start(), LxdServer.start()];
    const hosts = [Sshd.start({ LXD_DIR: lxd.dir }), Sshd.start({ LXD_DIR: otherLxd.dir })] as const;
    [stores, sshd, otherSshd] = await Promise.all([Datastores.start(), ...hosts]);
    ({ dataSource } = await stores.createDatabase());
    writeFileSync(join(otherSshd.dir, 'authorized_keys'), readFileSync(join(sshd.dir, 'client.pub')));
    remote = new SshRemote();
    const clouds = { provider: () => Promise.reject(new Error('it has no cloud')) };
    nodes = new DeploymentNodes(dataSource, reversingSecretBox as never, clouds);
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
        new SendContainerHandler({ remote, nodes }),
        new RecordNodeHandler(dataSource, remote, nodes),
        new KnownNodeHandler(dataSource),
        new ForgetNodeHandler(dataSource),
        new RemoveDeploymentHandler(dataSource),
        ...nodeHandlers({ remote, nodes, artifacts }, { environment: sshd.runnerEnvironment }),
      ],
    }).start();
    deployment = await newDeployment();
  }, 200_000);
  afterAll(async () => {
    await engine.stop();
    await remote.close();
    await lxd.stop();
    await otherLxd.stop();
    await dataSource.destroy();
    await Promise.all([stores.stop(), sshd.stop(), otherSshd.stop()]);
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

  const sshdOf = (key: string) => (key === 'outside-1' ? otherSshd : sshd);

  /** Hosts that one has. */
  const host: CloudProvider = {
    kind: 'ssh',
    bases: () => Promise.resolve([{ os: 'debian', release: '12' }]),
    preview: () => Promise.resolve([]),
    planNode: ({ key }) => ({
      steps: [step({ key: `node/${key}:take`, kind: 'test.host', title: 'take the host' })],
      lastStep: `node/${key}:take`,
      registration: {
        ...{ name: `host-${key}`, machineId: null, address: sshd.target.host, sshPort: sshdOf(key).port },
        hostKeys: sshdOf(key).target.hostKeys,
      },
    }),
    held: () => Promise.resolve([]),
    planRemoval: ({ key }, after) => [step({ key: `node/${key}:leave`, kind: 'test.host', title: 'leave it', after })],
    planAbandonment: () => [],
    outlives: () => true,
    removalOf: ({ name }) => ({ change: `leave ${name}`, destroys: [] }),
  };

  function roles(): RoleLibrary {
    const { role, diagnostics } = parseRole({ name: 'role.yaml', text: ROLE }, { 'say.sh': SAY });
    if (role === null) throw new Error(formatDiagnostics(diagnostics));
    return new Map([...shippedRoles(), ['hello', role]]);
  }

  const provider = () => new ContainerProvider(host, containerScripts(roles()), deployment.id);
  const standing = () => dataSource.getRepository(Node).findBy({ deploymentId: deployment.id, removedAt: IsNull() });

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
    const existing = new Map(withoutClones(await standing(), requests).map((node) => [node.key, node]));
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

  const container = async () => (await standing()).find(({ key }) => key === 'outside-0/lxd/inside-0')!;

  const execute = (...argv: string[]) => executeOn('outside-0/lxd/inside-0', ...argv);

  async function executeOn(key: string, ...argv: string[]): Promise<string> {
    const shell = await remote.connect(await nodes.get(deployment, key));
    const { stdout } = await shell.exec(argv);
    await shell.close();
    return stdout;
  }

  function containers(): ContainersService {
    const records = { nodesOf: standing, compiled: () => ({ compiled: { units: [] } }) };
    return new ContainersService(dataSource, engine.runs, { roles: roles() } as never, records as never);
  }

  it('is made, reached through its host, and a unit is laid in it', async () => {
    const { outputs } = await run(await upPlan());
    const said = outputs
      .filter(({ name }) => name === 'host')
      .map(({ step: key, value }) => `${key} ${value as string}`);
    expect(said).toContainEqual(expect.stringMatching(/^inside\/0:say box-outside-0-lxd-inside-0/));
    const inside = await container();
    expect(inside).toMatchObject({ key: 'outside-0/lxd/inside-0', architecture: 'amd64', sshPort: 22 });
    expect(lxd.lxc('config', 'get', inside.name, 'limits.memory')).toBe('256MiB\n');
    const target = await nodes.get(deployment, 'outside-0/lxd/inside-0');
    expect(target.via).toMatchObject({ name: 'host-outside-0', port: sshd.port });
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
    expect(lxd.lxc('list', '-c', 'n', '-f', 'csv').trim().split('\n')).toHaveLength(2);
  }, 100_000);

  it('is kept under a name, and brought back as it was', async () => {
    const key = 'outside-0/lxd/inside-0';
    const snapshot = async (action: 'create' | 'restore' | 'delete') =>
      run(await containers().planSnapshot(deployment, key, { action, snapshot: 'before' }));
    await execute('sh', '-c', 'echo one >/root/state; sync');
    await snapshot('create');
    await execute('sh', '-c', 'echo two >/root/state; sync');
    await snapshot('restore');
    expect(await execute('cat', '/root/state')).toBe('one\n');
    await snapshot('delete');
    expect(lxd.lxc('query', `/1.0/instances/${(await container()).name}/snapshots`).trim()).toBe('[]');
    const host = containers().planSnapshot(deployment, 'outside-0', { action: 'create', snapshot: 'x' });
    await expect(host).rejects.toThrow(/no container on another node/);
  }, 100_000);

  it('is copied, with an identity of its own, and nothing of what it runs is started in the copy', async () => {
    const key = 'outside-0/lxd/inside-0';
    const before = await container();
    const identity = ['sh', '-c', 'cat /etc/machine-id /etc/hostname /etc/ssh/ssh_host_ed25519_key.pub'];
    await execute('sh', '-c', UNIT_SERVICE);
    expect(await execute('systemctl', 'is-active', 'unit')).toBe('active\n');
    await run(await containers().planClone(deployment, key, 'look'));
    const copy = (await standing()).find(({ cloneOf }) => cloneOf === key)!;
    expect(copy).toMatchObject({ key: `${key}.look`, hostNodeId: before.hostNodeId });
    expect(copy.address).not.toBe(before.address);
    const inCopy = async (...argv: string[]) => executeOn(copy.key, ...argv);
    expect(await inCopy('cat', '/root/state')).toBe('one\n');
    expect(await inCopy('cat', '/etc/hostname')).toBe(`${copy.name}\n`);
    expect(await inCopy('getent', 'hosts', copy.name)).toContain('127.0.1.1');
    const [own, other] = [await execute(...identity), await inCopy(...identity)].map((text) => text.split('\n'));
    for (const index of [0, 1, 2]) expect(other![index]).not.toBe(own![index]);
    expect(await inCopy('sh', '-c', 'ls /etc/ssh/ssh_host_*_key')).toBe('/etc/ssh/ssh_host_ed25519_key\n');
    expect(await inCopy('sh', '-c', 'systemctl is-active unit unit.timer timers.target')).toBe(
      'inactive\ninactive\ninactive\n',
    );
    expect(await execute('systemctl', 'is-active', 'unit')).toBe('active\n');
    expect(lxd.lxc('config', 'get', copy.name, 'limits.memory')).toBe('256MiB\n');
    expect(lxd.lxc('query', `/1.0/instances/${before.name}/snapshots`).trim()).toBe('[]');
    // All of it, when the operator says so.
    await inCopy('sh', '-c', 'systemctl --no-block start multi-user.target; sleep 5');
    expect(await inCopy('systemctl', 'is-active', 'unit')).toBe('active\n');
    await expect(containers().planClone(deployment, key, 'look')).rejects.toThrow(/it has a clone named look/);
    await expect(containers().planClone(deployment, copy.key, 'x')).rejects.toThrow(/it is a clone of/);
    await expect(containers().planDelete(deployment, key)).rejects.toThrow(/it is no clone/);
  }, 200_000);

  it('is rid of a copy, and of another with everything else', async () => {
    const key = 'outside-0/lxd/inside-0';
    await run(await containers().planDelete(deployment, `${key}.look`));
    expect((await standing()).some(({ cloneOf }) => cloneOf !== null)).toBe(false);
    expect(lxd.lxc('list', '-c', 'n', '-f', 'csv')).not.toContain('look');
    await run(await containers().planClone(deployment, key, 'stays'));
  }, 100_000);

  it('moves to another host with what is in it, its host keys and its address', async () => {
    // Both hosts are on one network, as in a rack.
    otherLxd.lxc('profile', 'device', 'add', 'default', 'eth0', 'nic', 'nictype=bridged', 'parent=musterbr0');
    const before = await container();
    await execute('sh', '-c', 'echo kept >/root/state; sync');
    const { changes, plan } = await containers().planMove(deployment, { node: before.key, to: 'outside-1' });
    expect(changes).toEqual([
      `stop container ${before.name}, take it from node outside-0 to node outside-1, start it there`,
    ]);
    await run(plan);
    expect(lxd.lxc('list', '-c', 'n', '-f', 'csv').split('\n')).not.toContain(before.name);
    expect(otherLxd.lxc('list', '-c', 'ns', '-f', 'csv')).toBe(`${before.name},RUNNING\n`);
    const after = await container();
    const other = (await standing()).find(({ key }) => key === 'outside-1')!;
    const { id, address, hostKeys } = before;
    expect(after).toMatchObject({ id, address, hostKeys, hostNodeId: other.id });
    expect(await execute('cat', '/root/state')).toBe('kept\n');
    await expect(containers().planMove(deployment, { node: before.key, to: 'outside-1' })).rejects.toThrow(
      /it is there/,
    );
    // The bundle is content with where it is, and with its clone.
    const kinds = (await upPlan()).steps.map(({ kind }) => kind);
    for (const kind of ['deployment.node', 'deployment.forget-node']) expect(kinds).not.toContain(kind);
  }, 200_000);

  it('leaves a host that is evacuated, for the one with the fewest', async () => {
    await expect(containers().planMove(deployment, { evacuate: 'nowhere' })).rejects.toThrow(
      /cannot find a host nowhere/,
    );
    const { changes, plan } = await containers().planMove(deployment, { evacuate: 'outside-1' });
    expect(changes).toHaveLength(1);
    expect(changes[0]).toContain('from node outside-1 to node outside-0');
    await run(plan);
    expect(otherLxd.lxc('list', '-c', 'n', '-f', 'csv')).toBe('');
    expect(await execute('cat', '/root/state')).toBe('kept\n');
    await expect(containers().planMove(deployment, { evacuate: 'outside-1' })).rejects.toThrow(/no container is on it/);
  }, 200_000);

  it('moves as it is now, whatever a move that was given up has packed and unpacked', async () => {
    const { name, key } = await container();
    const move = async () => (await containers().planMove(deployment, { node: key, to: 'outside-1' })).plan;
    const steps = (await move()).steps;
    await run({
      steps: steps.slice(
        0,
        steps.findIndex(({ kind }) => kind === 'deployment.node'),
      ),
    });
    otherLxd.lxc('stop', '--force', name);
    lxd.lxc('start', name);
    lxd.lxc('exec', name, '--', 'sh', '-c', 'echo newer >/root/state; sync');
    lxd.lxc('stop', '--force', name);
    await run(await move());
    expect(await execute('cat', '/root/state')).toBe('newer\n');
  }, 200_000);

  it('goes before its host, and nothing stays', async () => {
    await run(teardownPlan({ nodes: (await standing()).map(leaving), provider: provider() }));
    const left = (...argv: string[]) => lxd.lxc(...argv, '-f', 'csv').trim();
    expect([left('list'), left('image', 'list'), left('storage', 'list')]).toEqual(['', '', '']);
    expect(left('network', 'list')).not.toContain('musterbr0');
    expect(lxd.lxc('profile', 'list', '-f', 'csv')).not.toContain('muster');
  }, 100_000);
});
