import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { loadSettings } from '../../platform/config/index.js';
import { checkContainerLimits, checkNode, checkPrograms } from './computer.js';
import { checkDatabase, checkRedis } from './datastores.js';
import { checkPorts } from './network.js';

it('wants Node 20.19', () => {
  expect(checkNode('18.20.1').status).toBe('failed');
  expect(checkNode('20.18.0').status).toBe('failed');
  expect(checkNode('20.19.0').status).toBe('ok');
  expect(checkNode('24.1.0').status).toBe('ok');
});

it('names the package of a missing program, and fails only where it is needed', () => {
  const findings = checkPrograms(loadSettings({ DATABASE_URL: 'postgres://elsewhere/x' }), () => false);
  const of = (subject: string) => findings.find((finding) => finding.subject === subject);
  expect(of('redis-server')).toMatchObject({ status: 'failed', fix: 'apt-get install redis-server' });
  expect(of('initdb')?.status).toBe('warning');
  expect(of('ipmitool')?.status).toBe('warning');
});

it('tells which limits of the kernel are too low for many containers, where there are to be some', () => {
  const limits = [
    { name: 'kernel.keys.maxkeys', least: 20_000, why: 'keyrings', now: 200 },
    { name: 'kernel.pid_max', least: 10, why: 'processes', now: 10 },
    { name: 'net.none', least: 10, why: 'nothing', now: null },
  ];
  const enabled = loadSettings({ MUSTER_LOCALHOST_ENABLED: 'true' });
  expect(checkContainerLimits(enabled, limits)).toMatchObject([
    { subject: 'kernel.keys.maxkeys', status: 'warning', message: '200: keyrings' },
    { subject: 'kernel.pid_max', status: 'ok' },
  ]);
  expect(checkContainerLimits(loadSettings({}), limits)).toEqual([]);
});

it('tells a port that is taken', async () => {
  const socket = createSocket('udp4');
  socket.bind(0);
  await once(socket, 'listening');
  const { port } = socket.address();
  const settings = loadSettings({
    MUSTER_ROLES: 'boot',
    MUSTER_BOOT_TFTP_PORT: String(port),
    MUSTER_BOOT_DHCP_PORT: '0',
  });
  const findings = await checkPorts(settings);
  expect(findings.find((finding) => finding.subject === `port ${port}/udp`)).toMatchObject({ status: 'failed' });
  expect(findings.find((finding) => finding.subject === 'port 0/udp')).toMatchObject({ status: 'ok' });
  socket.close();
});

it('says that a given database does not answer', async () => {
  const finding = await checkDatabase(loadSettings({ DATABASE_URL: 'postgres://127.0.0.1:1/none' }));
  expect(finding).toMatchObject({ status: 'failed', subject: 'database' });
});

it('says that a given Redis does not answer', async () => {
  const finding = await checkRedis(loadSettings({ REDIS_URL: 'redis://127.0.0.1:1' }));
  expect(finding).toMatchObject({ status: 'failed', fix: 'check REDIS_URL and that the server runs' });
}, 10_000);
