import 'reflect-metadata';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it } from 'vitest';
import { Datastores } from '../support/datastores.js';
import { DeploymentRig } from '../support/deployment-rig.js';

/** Every script tells that it ran, and with what; `join` may be done once only. */
const tell = (words: string) => `#!/bin/bash\nexec 3>>"$OPT_TOLD"; echo "$UNIT ${words}" >&3\n`;
const STORE = {
  'role.yaml': `role: store
summary: Keeps things
bases: [debian@12]
options:
  told: {type: string, description: Where to tell}
  size: {type: int, default: 1, description: How much}
  unused: {type: string, default: x, description: Read by verify alone}
provides: {db: store-db}
peers: {cluster: store-cluster}
steps:
  install: {run: install.sh, repeatable: true}
  join: {run: join.sh, after: [install]}
  identify: {run: identify.sh, after: [join], publishes: [url], secrets: {key: [cluster]}, repeatable: true, every: 30d}
  configure: {run: configure.sh, after: [identify, cluster], repeatable: true}
  health: {run: health.sh, on: verify, repeatable: true}
  remove: {run: remove.sh, on: remove, repeatable: true}
`,
  'install.sh': tell('install'),
  'join.sh': tell('join $OPT_SIZE'),
  'identify.sh': `${tell('identify $OPT_SIZE')}[ ! -e "\${OPT_TOLD%/*}/blocked" ] || exit 127
echo "url=$UNIT-$OPT_SIZE" >>"$MUSTER_OUTPUT"; echo "secret key=ses$(echo ame)-$UNIT" >>"$MUSTER_OUTPUT"\n`,
  'configure.sh': `#!/bin/bash
[ ! -e "\${OPT_TOLD%/*}/blocked-configure" ] || exit 127
all=; for ((i = 0; i < REL_CLUSTER_UNITS; i++)); do v="REL_CLUSTER_\${i}_URL"; all="$all\${!v},"; done
echo "$UNIT configure $all" >>"$OPT_TOLD"
`,
  'health.sh': tell('health $OPT_UNUSED'),
  'remove.sh': tell('remove'),
};
const WEB = {
  'role.yaml': `role: web
summary: Shows things
bases: [debian@12]
options:
  told: {type: string, description: Where to tell}
requires: {db: store-db}
steps:
  start: {run: start.sh, after: [db], repeatable: true}
  remove: {run: remove.sh, on: remove, repeatable: true}
`,
  'start.sh': tell('start $REL_DB_0_URL'),
  'remove.sh': tell('remove'),
};

let stores: Datastores;
let rig: DeploymentRig;
beforeAll(async () => {
  stores = await Datastores.start();
});
afterAll(() => stores.stop());
beforeEach(async () => {
  rig = await DeploymentRig.start(stores, { store: STORE, web: WEB }, 5);
});
afterEach(() => rig.stop());

function bundle(more: { stores?: number; size?: number; unused?: string; web?: string | null } = {}): string {
  const told = `${rig.folder}/told`;
  const { stores: count = 2, size = 1, unused = 'x', web = 'store/0' } = more;
  return `name: shop
applications:
  store: {role: store, num_units: ${count}, options: {told: ${told}, size: ${size}, unused: ${unused}}}
${web === null ? '' : `  web: {role: web, to: ["${web}"], options: {told: ${told}}}`}
relations: ${web === null ? '[]' : '[[web:db, store:db]]'}
`;
}

async function ends(text: string, status = 'succeeded') {
  const run = await rig.up(text);
  expect(run).toMatchObject({ status, ...(status === 'succeeded' ? { reason: null } : {}) });
  return run;
}

describe('a bundle that is laid down again', () => {
  it('and has not changed gives a plan with nothing to do', async () => {
    await ends(bundle());
    expect(rig.told().sort()).toEqual([
      ...[
        'store/0 configure store/1-1,',
        'store/0 health x',
        'store/0 identify 1',
        'store/0 install',
        'store/0 join 1',
      ],
      ...[
        'store/1 configure store/0-1,',
        'store/1 health x',
        'store/1 identify 1',
        'store/1 install',
        'store/1 join 1',
      ],
      'web/0 start store/0-1',
    ]);
    const plan = await rig.plan(bundle());
    expect(plan.plan.steps).toEqual([]);
    expect(plan.changes).toEqual([]);
    expect(plan.diff).toEqual({
      nodes: [],
      units: [],
      options: [],
      keptBack: [],
      skipped: [],
      outdated: [],
      unchanged: 3,
    });
    await ends(bundle());
    expect(rig.told()).toEqual([]);
  });

  it('runs once more where that is asked for, but for what is done once', async () => {
    await ends(bundle());
    rig.told();
    const run = await rig.dataSource.transaction(async (manager) => {
      const deployment = await rig.deployments.get('shop');
      const asked = { action: 'apply', title: 'again', actor: 'tester', again: true };
      return rig.deployments.change(manager, deployment, deployment, asked);
    });
    expect(await rig.over(run.id)).toMatchObject({ status: 'succeeded', reason: null });
    const told = rig.told();
    expect(told.filter((line) => line.includes('join'))).toEqual([]);
    expect(told.filter((line) => /^(store|web)\/0 /.test(line)).sort()).toEqual([
      ...['store/0 configure store/1-1,', 'store/0 health x', 'store/0 identify 1', 'store/0 install'],
      'web/0 start store/0-1',
    ]);
    expect((await rig.plan(bundle())).plan.steps).toEqual([]);
  });

  it('with another option runs what reads it, and what reads what that publishes; what is done once is not done again', async () => {
    await ends(bundle());
    rig.told();
    const { diff, changes } = await rig.plan(bundle({ size: 2 }));
    expect(diff.options).toEqual([{ application: 'store', option: 'size', before: '1', after: '2' }]);
    expect(diff.keptBack).toEqual(['store/0:join', 'store/1:join']);
    expect(changes).toContain('set store.size: 1 -> 2');
    expect(changes).toContain(
      'change store/0 on node store-0: identify (changed), configure (follows), health (verify)',
    );
    await ends(bundle({ size: 2 }));
    expect(rig.told().sort()).toEqual([
      ...['store/0 configure store/1-2,', 'store/0 health x', 'store/0 identify 2'],
      ...['store/1 configure store/0-2,', 'store/1 health x', 'store/1 identify 2'],
      'web/0 start store/0-2',
    ]);
    expect((await rig.plan(bundle({ size: 2 }))).plan.steps).toEqual([]);
    await ends(bundle({ size: 2, unused: 'y' }));
    expect(rig.told().sort()).toEqual(['store/0 health y', 'store/1 health y']);
  });

  it('runs what is due by its age again, and what reads what that publishes', async () => {
    await ends(bundle());
    rig.told();
    const days = (count: number) => new Date(Date.now() + count * 86_400_000).toISOString();
    rig.clock.set(days(29));
    expect((await rig.plan(bundle())).plan.steps).toEqual([]);
    rig.clock.set(days(30));
    expect((await rig.plan(bundle())).changes).toContain(
      'change store/0 on node store-0: identify (due), configure (follows), health (verify)',
    );
    await ends(bundle());
    expect(rig.told()).toContain('store/1 identify 1');
    rig.clock.set(days(0));
    expect((await rig.plan(bundle())).plan.steps).toEqual([]);
  });

  it('with a unit more lays that one down and gives the others their new peers', async () => {
    await ends(bundle());
    rig.told();
    await ends(bundle({ stores: 3 }));
    expect(
      rig
        .told()
        .filter((line) => !line.includes('health'))
        .sort(),
    ).toEqual([
      'store/0 configure store/1-1,store/2-1,',
      'store/1 configure store/0-1,store/2-1,',
      ...['store/2 configure store/0-1,store/1-1,', 'store/2 identify 1', 'store/2 install', 'store/2 join 1'],
    ]);
    expect([...rig.nodes.keys()].sort()).toEqual(['store-0', 'store-1', 'store-2']);
  });

  it('with units fewer removes them first, highest first, then tells their peers, then gives the nodes back', async () => {
    await ends(bundle({ stores: 3 }));
    rig.told();
    const { changes, destroys } = await rig.plan(bundle({ stores: 1 }));
    expect(changes.filter((line) => /^(remove|give)/.test(line))).toEqual([
      'remove store/2 from node store-2',
      'remove store/1 from node store-1',
      'give back node store-1 (host-store-1)',
      'give back node store-2 (host-store-2)',
    ]);
    expect(destroys).toHaveLength(2);
    const run = await ends(bundle({ stores: 1 }));
    const told = rig.told();
    expect(told.slice(0, 2).sort()).toEqual(['store/1 remove', 'store/2 remove']);
    expect(told.slice(2)).toEqual(['store/0 configure ', 'store/0 health x']);
    const at = (key: string) => run.steps.find((step) => step.key === key)!.startedAt!.getTime();
    expect(at('node/store-2:release')).toBeGreaterThan(at('store/0:configure'));
    expect([...rig.nodes.keys()]).toEqual(['store-0']);
    expect((await rig.plan(bundle({ stores: 1 }))).plan.steps).toEqual([]);
  });

  it('without an application removes it, by the files that laid it down', async () => {
    await ends(bundle());
    rig.told();
    const { diff } = await rig.plan(bundle({ web: null }));
    expect(diff.units).toMatchObject([{ unit: 'web/0', change: 'remove', from: 'store-0', node: null }]);
    await ends(bundle({ web: null }));
    expect(rig.told().sort()).toEqual(['store/0 health x', 'store/1 health x', 'web/0 remove']);
    expect((await rig.plan(bundle({ web: null }))).plan.steps).toEqual([]);
  });

  it('with a unit elsewhere removes it where it was before it is laid where it is to be', async () => {
    await ends(bundle());
    rig.told();
    expect((await rig.plan(bundle({ web: 'store/1' }))).changes[0]).toBe(
      'move web/0 from node store-0 to node store-1',
    );
    await ends(bundle({ web: 'store/1' }));
    expect(rig.told().slice(0, 2)).toEqual(['web/0 remove', 'web/0 start store/0-1']);
  });

  it('after a change that failed runs that again, also where the bundle is as it was before', async () => {
    await ends(bundle());
    rig.told();
    rig.write('blocked', '');
    await ends(bundle({ size: 2 }), 'failed');
    rig.told();
    rmSync(join(rig.folder, 'blocked'));
    const { diff } = await rig.plan(bundle());
    expect(diff.units.flatMap(({ steps }) => steps)).toContainEqual({ step: 'identify', why: 'again' });
    await ends(bundle());
    expect(rig.told()).toContain('store/0 identify 1');
  });

  it('does not run what a person has skipped, until what it reads is another; and says so', async () => {
    rig.write('blocked-configure', '');
    const failed = await ends(bundle({ stores: 1, web: null }), 'failed');
    await rig.engine.runs.skip(failed.id, 'store/0:configure', 'done by hand');
    expect(await rig.over(failed.id)).toMatchObject({ status: 'succeeded' });
    rmSync(join(rig.folder, 'blocked-configure'));
    rig.told();
    const plan = await rig.plan(bundle({ stores: 1, web: null }));
    expect(plan.plan.steps).toEqual([]);
    expect(plan.diff.skipped).toEqual([{ step: 'store/0:configure', why: 'done by hand', runs: false }]);
    const { changes, diff } = await rig.plan(bundle({ web: null }));
    expect(changes.join('\n')).toMatch(/configure \((changed|follows); it was skipped before: done by hand\)/);
    expect(diff.skipped).toMatchObject([{ runs: true }]);
    await ends(bundle({ web: null }));
    expect(rig.told()).toContain('store/0 configure store/1-1,');
    expect((await rig.plan(bundle({ web: null }))).diff.skipped).toEqual([]);
  });

  it('keeps secrets out of every plan and digest, and still finds them', async () => {
    await ends(bundle());
    await ends(bundle({ stores: 3 }));
    const stored = await rig.dataSource.query<{ text: string }[]>(
      `select input::text as text from step union all select applied_step::text from applied_step`,
    );
    expect(stored.filter(({ text }) => text.includes('sesame'))).toEqual([]);
    const deployment = await rig.deployments.get('shop');
    const { published } = await rig.deployments.standing(deployment);
    expect(published.filter(({ secret }) => secret).map(({ value }) => value)).toContain('sesame-store/2');
  });
});
