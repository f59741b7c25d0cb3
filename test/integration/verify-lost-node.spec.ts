import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RunDetail } from '../../src/api/contract/index.js';
import { Datastores } from '../support/datastores.js';
import { SshCloud } from '../support/ssh-cloud.js';

const ROLE = `role: pair
summary: Checks that take long where a node is lost
bases: [debian@12, debian@13, ubuntu@22.04, ubuntu@24.04]
steps:
  lay: {run: 'true.sh', repeatable: true}
  health: {run: 'true.sh', on: verify, repeatable: true}
`;

let stores: Datastores;
let cloud: SshCloud;
const good = (...argv: string[]) => cloud.good(...argv);

beforeAll(async () => {
  stores = await Datastores.start();
  cloud = await SshCloud.start(stores, 3, { MUSTER_PIPELINE_ANSWER_SECONDS: '8' });
  cloud.write('lab/roles/pair/role.yaml', ROLE);
  cloud.write('lab/roles/pair/true.sh', '#!/bin/sh\ntrue\n');
  cloud.write('lab/bundle.yaml', 'name: lab\napplications: {pair: {role: pair, num_units: 2}}\n');
}, 120_000);
afterAll(async () => {
  await cloud.stop();
  await stores.stop();
});

const stepsOf = async () => (JSON.parse(await good('runs', 'show', 'lab', '--json')) as RunDetail).steps;

describe('muster verify of a deployment that has lost a node', () => {
  it('asks every node first, and then checks', async () => {
    await good('up', join(cloud.folder, 'lab'), '--on', 'rack', '--yes');
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
    // The deployment's own key is beside the operator's where it has a node.
    const used = cloud.servers.filter(({ authorizedKeys }) => authorizedKeys.trim().includes('\n'));
    await used[0]!.cut();
    const began = Date.now();
    const failed = await cloud.api.cli(['verify', 'lab']);
    expect((Date.now() - began) / 1000).toBeLessThan(40);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toMatch(/node\/pair-[01]:answers.*no answer in 8 s: cannot reach 127\.0\.0\.1/);
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
