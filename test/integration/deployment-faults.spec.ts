import 'reflect-metadata';
import { fork, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, afterEach, expect, it } from 'vitest';
import { compileProgram } from '../support/compile.js';
import { Datastores } from '../support/datastores.js';
import { DeploymentRig } from '../support/deployment-rig.js';
import { eventually } from '../support/pipeline-engine.js';

const ROLES = {
  member: {
    'role.yaml': `role: member
summary: Joins the others
bases: [debian@12]
options: {told: {type: string, description: Where to tell}}
peers: {cluster: members}
steps:
  identify: {run: identify.sh, publishes: [url], repeatable: true}
  join: {run: join.sh, after: [identify, cluster], timeout: 60s, stall: 8s, retries: 0, repeatable: true}
`,
    'identify.sh': '#!/bin/bash\necho "url=$UNIT-at-$MUSTER_ATTEMPT" >>"$MUSTER_OUTPUT"\n',
    'join.sh': `#!/bin/bash
echo "$UNIT join $REL_CLUSTER_0_URL" >>"$OPT_TOLD"
[ "$UNIT" != member/1 ] || [ ! -e "\${OPT_TOLD%/*}/hold" ] || sleep 60
`,
  },
};

let stores: Datastores;
let rig: DeploymentRig;
beforeAll(async () => {
  stores = await Datastores.start();
});
afterAll(() => stores.stop());
beforeEach(async () => {
  rig = await DeploymentRig.start(stores, ROLES, 4);
});
afterEach(() => rig.stop());

const bundle = () => `name: club
applications:
  member: {role: member, num_units: 2, options: {told: ${rig.folder}/told}}
`;
/** Bounded for a busy machine. */
const LONG = 240_000;
const begin = () =>
  rig.dataSource.transaction((manager) => rig.deployments.up(manager, rig.request(bundle()), 'tester'));

it(
  'a node lost in the middle of a join is swapped for another, and the join ends there',
  async () => {
    rig.write('hold', '');
    const { run, deployment } = await begin();
    const told = () => (existsSync(join(rig.folder, 'told')) ? readFileSync(join(rig.folder, 'told'), 'utf8') : '');
    await eventually('it joins', () => told().includes('member/1 join'), 60_000);
    const lost = rig.nodes.get('member-1')!;
    await lost.cut();
    const failed = await rig.over(run.id);
    expect(failed).toMatchObject({ status: 'failed' });
    expect(failed.reason).toMatch(/member\/1:join: stalled/);
    rig.forget('hold');
    rig.told();

    const asked = { action: 'replace', title: 'replace', actor: 'tester', replace: ['member-1'] };
    const unknown = rig.deployments.planChange(await rig.deployments.get('club'), deployment, ['member-9']);
    await expect(unknown).rejects.toThrow(/no such node/);
    const { changes } = await rig.deployments.planChange(await rig.deployments.get('club'), deployment, ['member-1']);
    expect(changes[0]).toBe('let node member-1 (host-member-1) go unreached; another takes its place');
    const again = await rig.dataSource.transaction(async (manager) =>
      rig.deployments.change(manager, await rig.deployments.get('club'), deployment, asked),
    );
    expect(await rig.over(again.id)).toMatchObject({ status: 'succeeded', reason: null });
    expect(rig.nodes.get('member-1')).not.toBe(lost);
    expect(rig.told()).toContain('member/1 join member/0-at-1');
    expect((await rig.plan(bundle())).plan.steps).toEqual([]);
  },
  LONG,
);

it(
  'down ends without what cannot be reached, once that is told',
  async () => {
    await rig.over((await begin()).run.id);
    rig.unreachable.add('member-1');
    const down = async (forget: string[] = []) => {
      const deployment = await rig.deployments.get('club');
      const { id } = await rig.dataSource.transaction((manager) =>
        rig.teardown.down(manager, deployment, 'tester', forget),
      );
      return rig.over(id);
    };
    const failed = await down();
    expect(failed).toMatchObject({ status: 'failed', reason: 'node/member-1:release: it does not answer' });
    expect([...rig.nodes.keys()]).toEqual(['member-1']);
    expect((await rig.teardown.planDown('club')).changes).toEqual(['give back node member-1 (host-member-1)']);
    expect(await down(['member-1'])).toMatchObject({ status: 'succeeded', reason: null });
    await expect(rig.deployments.get('club')).rejects.toThrow(/cannot find/);
  },
  LONG,
);

it(
  'a worker that is killed in the middle of down loses nothing: another goes on',
  async () => {
    await rig.over((await begin()).run.id);
    await rig.engine.stop();
    const deployment = await rig.deployments.get('club');
    const run = await rig.dataSource.transaction((manager) => rig.teardown.down(manager, deployment, 'tester'));
    const effects = join(rig.folder, 'effects');
    const options = { databaseUrl: rig.databaseUrl, redisUrl: stores.redis.url, prefix: randomUUID(), effects };
    const program = compileProgram('test/support/down-worker.ts');
    const start = () =>
      fork(program, [JSON.stringify(options)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: [] });
    const begunBy = (child: ChildProcess) =>
      existsSync(effects) && readFileSync(effects, 'utf8').includes(`by ${child.pid}\n`);
    const [first, second] = [start(), start()];
    try {
      await eventually('one is at work', () => begunBy(first) || begunBy(second), 90_000);
      (begunBy(first) ? first : second).kill('SIGKILL');
      expect(await rig.over(run.id)).toMatchObject({ status: 'succeeded', reason: null });
      await expect(rig.deployments.get('club')).rejects.toThrow(/cannot find/);
    } finally {
      first.kill('SIGKILL');
      second.kill('SIGKILL');
    }
  },
  LONG,
);
