import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import type { Cloud } from '../../src/clouds/cloud.entity.js';
import { CloudRecords } from '../../src/clouds/cloud-records.js';
import { sshHandlers } from '../../src/clouds/ssh/ssh-handlers.js';
import { SshHosts } from '../../src/clouds/ssh/ssh-hosts.js';
import { SshProvider } from '../../src/clouds/ssh/ssh.provider.js';
import { systemClock } from '../../src/platform/clock.js';
import { generateSshKey, SshRemote } from '../../src/platform/remote/index.js';
import { SecretBox } from '../../src/platform/secrets/index.js';
import { ApiApp } from '../support/api-app.js';
import { cloudContract } from '../support/cloud-contract.js';
import { Datastores } from '../support/datastores.js';
import { PrivateSshd } from '../support/private-sshd.js';

const key = generateSshKey('operator');
const osRelease = readFileSync('/etc/os-release', 'utf8');
const field = (name: string) => new RegExp(`^${name}="?([^"\n]*)"?$`, 'm').exec(osRelease)?.[1] ?? '';

cloudContract('ssh', async () => {
  const stores = await Datastores.start();
  const { dataSource } = await stores.createDatabase();
  const secrets = new SecretBox([Buffer.alloc(32, 7)]);
  const remote = new SshRemote();
  const servers = await Promise.all([PrivateSshd.start(key.publicKey), PrivateSshd.start(key.publicKey)]);
  const records = new CloudRecords(dataSource, secrets);
  const hosts = new SshHosts(dataSource, remote, secrets, systemClock);
  const cloud = await dataSource.transaction((manager) =>
    records.add(manager, {
      ...{ kind: 'ssh', name: 'rack', createdBy: 'test', privateKey: key.privateKey },
      config: { publicKey: key.publicKey },
      hosts: servers.map(({ port, hostKey }) => ({ address: '127.0.0.1', port, user: 'root', hostKeys: [hostKey] })),
    }),
  );
  for (const host of await hosts.check(cloud)) expect(host.problem).toBeNull();
  return {
    provider: new SshProvider(cloud, hosts),
    handlers: sshHandlers({ ssh: (name): Promise<Cloud> => records.get(name) }, hosts),
    base: { os: field('ID'), release: field('VERSION_ID') },
    impossible: { cores: 100_000 },
    stop: async () => {
      // Nothing but what was there before.
      for (const { authorizedKeys } of servers) expect(authorizedKeys).toBe(`${key.publicKey}\n`);
      await remote.close();
      await Promise.all(servers.map((server) => server.stop()));
      await dataSource.destroy();
      await stores.stop();
    },
  };
});

describe('muster clouds', () => {
  let stores: Datastores;
  let api: ApiApp;
  let server: PrivateSshd;
  beforeAll(async () => {
    stores = await Datastores.start();
    api = await ApiApp.start(stores);
    server = await PrivateSshd.start(key.publicKey);
  });
  afterAll(async () => {
    await api.stop();
    await server.stop();
    await stores.stop();
  });
  const place = () => ['--host', `root@127.0.0.1:${server.port}`];

  it('takes no host key that nobody has confirmed', async () => {
    const refused = await api.cli(['clouds', 'add', 'rack', '--type', 'ssh', ...place(), '--key', '-']);
    expect(refused.code).toBe(4);
    expect(refused.stderr).toContain('SHA256:');
    const declined = await api.cli(['clouds', 'add', 'rack', '--type', 'ssh', ...place()], { input: 'n\n' });
    expect(declined.code).toBe(4);
    expect((await api.cli(['clouds', 'list'])).stdout).not.toContain('rack');
  });

  it('adds hosts with their keys, looks at them, and shows no private key', async () => {
    const wrong = generateSshKey('wrong').publicKey;
    const add = (name: string, hostKey: string) =>
      api.cli(['clouds', 'add', name, '--type', 'ssh', ...place(), '--host-key', hostKey, '--key', `@${keyFile()}`]);
    expect((await add('rack', server.hostKey)).code).toBe(0);
    expect((await add('metal', server.hostKey)).code).toBe(4);
    const checked = await api.cli(['clouds', 'check', 'rack']);
    expect(checked.stdout).toContain(`${field('ID')}@${field('VERSION_ID')}`);
    expect(checked.code).toBe(0);
    expect((await add('other', wrong)).code).toBe(0);
    const mismatch = await api.cli(['clouds', 'check', 'other']);
    expect(mismatch.code).toBe(1);
    expect(mismatch.stdout.replaceAll(/\s+/g, ' ')).toContain('cannot trust 127.0.0.1');
    for (const argv of [
      ['clouds', 'list', '--json'],
      ['audit', '--json'],
    ]) {
      expect((await api.cli(argv)).stdout).not.toContain('PRIVATE KEY');
    }
  });

  it('holds each host to the key that it showed, also where that of its neighbour was given too', async () => {
    const [left, right] = await Promise.all([PrivateSshd.start(key.publicKey), PrivateSshd.start(key.publicKey)]);
    try {
      const hosts = [left, right].flatMap(({ port, hostKey }) => [
        '--host',
        `127.0.0.1:${port}`,
        '--host-key',
        hostKey,
      ]);
      const added = await api.cli(['clouds', 'add', 'pair', '--type', 'ssh', ...hosts, '--key', `@${keyFile()}`]);
      expect(added.code).toBe(0);
      const check = async () => (await api.cli(['clouds', 'check', 'pair'])).stdout.replaceAll(/\s+/g, ' ');
      const first = await check();
      for (const { port, fingerprint } of [left, right])
        expect(first).toMatch(new RegExp(`:${port}\\) .*, ${fingerprint.replaceAll(/[+/]/g, '\\$&')}`));
      // Somebody puts the neighbour in its place.
      await left.cut();
      await left.serveWith(right);
      expect(await check()).toMatch(/FAIL .*cannot trust 127\.0\.0\.1 .*accept-key pair 127\.0\.0\.1:\d+/);
      const place = `127.0.0.1:${left.port}`;
      const nobody = await api.cli(['clouds', 'accept-key', 'pair', '127.0.0.1:1']);
      expect(nobody).toMatchObject({ code: 3 });
      const accepted = await api.cli(['clouds', 'accept-key', 'pair', place]);
      expect(accepted.stdout).toContain(`is held to ${right.fingerprint}`);
      expect(await check()).not.toContain('FAIL');
      expect((await api.cli(['audit', '--json'])).stdout).toContain('clouds.accept-key');
      // One that nobody gave is accepted by nobody.
      await left.cut();
      await left.serveWith(server);
      const refused = await api.cli(['clouds', 'accept-key', 'pair', place]);
      expect(refused.code).toBe(4);
      expect(refused.stderr).toContain('cannot trust 127.0.0.1');
      expect(await check()).toContain('FAIL');
      expect((await api.cli(['clouds', 'remove', 'pair', '--yes'])).code).toBe(0);
    } finally {
      await Promise.all([left.stop(), right.stop()]);
    }
  }, 60_000);

  it('is what --on names; a deployment keeps its cloud from being removed', async () => {
    const plan = await api.cli(['plan', 'ubuntu', '--on', 'rack']);
    expect(plan.stderr + plan.stdout).toContain(`127.0.0.1:${server.port}`);
    expect((await api.cli(['up', 'ubuntu', '--on', 'rack', '--name', 'd', '--yes', '--detach'])).code).toBe(0);
    const refused = await api.cli(['clouds', 'remove', 'rack', '--yes']);
    expect(refused.code).toBe(4);
    expect(refused.stderr).toContain('d is on it');
    expect((await api.cli(['clouds', 'remove', 'other', '--yes'])).code).toBe(0);
    expect((await api.cli(['plan', 'ubuntu', '--on', 'other'])).stderr).toContain('known are metal, localhost, rack');
  });

  it('says that localhost is not allowed before it is', async () => {
    const checked = await api.cli(['clouds', 'check', 'localhost']);
    expect(checked.code).toBe(1);
    expect(checked.stdout).toContain('--localhost');
  });

  function keyFile(): string {
    return server.keep('client-key', key.privateKey);
  }
});
