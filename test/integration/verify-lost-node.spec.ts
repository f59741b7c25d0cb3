import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunDetail } from '../../src/api/contract/index.js';
import { generateSshKey } from '../../src/platform/remote/index.js';
import { ApiApp } from '../support/api-app.js';
import { Datastores } from '../support/datastores.js';
import { PrivateSshd } from '../support/private-sshd.js';

const ROLE = `role: pair
summary: Checks that take long where a node is lost
bases: [debian@12, debian@13, ubuntu@22.04, ubuntu@24.04]
steps:
  lay: {run: 'true.sh', repeatable: true}
  health: {run: 'true.sh', on: verify, repeatable: true}
`;

const key = generateSshKey('operator');
let stores: Datastores;
let api: ApiApp;
let servers: PrivateSshd[];
let folder: string;

beforeAll(async () => {
  stores = await Datastores.start();
  api = await ApiApp.start(stores, [], undefined, 'api,worker,scheduler');
  servers = await Promise.all(Array.from({ length: 3 }, () => PrivateSshd.start(key.publicKey)));
  folder = mkdtempSync(join(tmpdir(), 'muster-lost-'));
  mkdirSync(join(folder, 'roles/pair'), { recursive: true });
  writeFileSync(join(folder, 'roles/pair/role.yaml'), ROLE);
  writeFileSync(join(folder, 'roles/pair/true.sh'), '#!/bin/sh\ntrue\n');
  writeFileSync(join(folder, 'bundle.yaml'), 'name: lab\napplications: {pair: {role: pair, num_units: 2}}\n');
  const hosts = servers.flatMap(({ port, hostKey }) => ['--host', `root@127.0.0.1:${port}`, '--host-key', hostKey]);
  const keyFile = servers[0]!.keep('client-key', key.privateKey);
  await good('clouds', 'add', 'rack', '--type', 'ssh', ...hosts, '--key', `@${keyFile}`);
  await good('clouds', 'check', 'rack');
});
afterAll(async () => {
  await api.stop();
  await Promise.all(servers.map((server) => server.stop()));
  await stores.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A command that ends well; gives what it prints. */
async function good(...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await api.cli(argv);
  if (code !== 0) throw new Error(`muster ${argv.join(' ')}: exit code ${code}\n${stderr}`);
  return stdout;
}

const stepsOf = async () => (JSON.parse(await good('runs', 'show', 'lab', '--json')) as RunDetail).steps;

describe('muster verify of a deployment that has lost a node', () => {
  it('asks every node first, and then checks', async () => {
    await good('up', folder, '--on', 'rack', '--yes');
    await good('verify', 'lab');
    const steps = await stepsOf();
    expect(steps.map((step) => step.key).sort()).toEqual([
      'deployment:answers',
      'node/pair-0:answers',
      'node/pair-1:answers',
      'pair/0:health',
      'pair/1:health',
    ]);
    expect(new Set(steps.map((step) => step.status))).toEqual(new Set(['succeeded']));
  });

  it('names the node soon, checks nothing, and says what to do', async () => {
    const used = servers.filter(({ authorizedKeys }) => authorizedKeys !== `${key.publicKey}\n`);
    await used[0]!.cut();
    const began = Date.now();
    const failed = await api.cli(['verify', 'lab']);
    expect((Date.now() - began) / 1000).toBeLessThan(100);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(/node\/pair-[01]:answers.*no answer in 60 s: cannot reach 127\.0\.0\.1/);
    expect(failed.stderr).toMatch(/muster retry \S+ --replace/);
    const steps = await stepsOf();
    const failures = steps.filter((step) => step.status === 'failed');
    expect(failures).toHaveLength(1);
    expect(steps.filter((step) => step.key.endsWith(':health')).map((step) => step.status)).toEqual([
      'waiting',
      'waiting',
    ]);
  }, 120_000);

  it('lets another take its place, by the failed run, and is verified again', async () => {
    await good('retry', 'lab', '--replace', '--yes');
    await good('verify', 'lab');
  }, 120_000);
});
