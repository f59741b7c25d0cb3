import 'reflect-metadata';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Datastores } from '../support/datastores.js';
import { DeploymentRig } from '../support/deployment-rig.js';

const tell = (words: string) => `#!/bin/bash\necho "$UNIT ${words}" >>"$OPT_TOLD"\n`;
const MEMBER = {
  'role.yaml': `role: member
summary: Joins the others
bases: [debian@12, debian@13]
options:
  told: {type: string, description: Where to tell}
  size: {type: int, default: 1, description: How much}
packages:
  - {name: lib12, bases: [debian@12], when: {size: 2}}
  - {name: lib13, bases: [debian@13], when: {size: 2}}
peers: {cluster: members}
steps:
  identify: {run: identify.sh, publishes: [url], repeatable: true}
  join: {run: join.sh, after: [identify, cluster], repeatable: true}
  remove: {run: remove.sh, on: remove, repeatable: true}
`,
  'identify.sh': `${tell('identify $OPT_SIZE')}echo "url=$UNIT-$RANDOM$RANDOM" >>"$MUSTER_OUTPUT"\n`,
  'join.sh': tell('join $REL_CLUSTER_0_URL'),
  'remove.sh': tell('remove'),
};
const [BOOKWORM, TRIXIE] = [
  { os: 'debian', release: '12' },
  { os: 'debian', release: '13' },
];

let stores: Datastores;
let rig: DeploymentRig;
beforeAll(async () => {
  stores = await Datastores.start();
});
afterAll(() => stores.stop());
beforeEach(async () => {
  rig = await DeploymentRig.start(stores, { member: MEMBER }, 3);
});
afterEach(() => rig.stop());

function bundle(more: { bases?: string; constraints?: string; size?: number } = {}): string {
  const { bases = 'debian@12', constraints = 'mem=1G', size = 1 } = more;
  return `name: club
applications:
  member: {role: member, num_units: 2, constraints: "${constraints}", options: {told: ${rig.folder}/told, size: ${size}}}
muster: {bases: [${bases}]}
`;
}

async function ends(text: string, replace: string[] = []): Promise<void> {
  expect(await rig.up(text, { replace })).toMatchObject({ status: 'succeeded', reason: null });
}

async function made() {
  const nodes = await rig.records.nodesOf(rig.dataSource.manager, (await rig.deployments.get('club')).id);
  return nodes.map(({ key, base, constraints }) => ({ key, base, constraints }));
}

const differs = (node: string, what: string, was: string, wanted: string) => ({ node, what, made: was, wanted });

describe('a node whose base or constraints change in the bundle', () => {
  it('stays, and the plan says what it was made with and what is wanted', async () => {
    await ends(bundle());
    const constraints = { memMiB: 1024 };
    expect(await made()).toEqual([
      { key: 'member-0', base: 'debian@12', constraints },
      { key: 'member-1', base: 'debian@12', constraints },
    ]);
    rig.bases = [BOOKWORM, TRIXIE];
    const { plan, changes, diff } = await rig.plan(bundle({ bases: 'debian@13', constraints: 'cores=2 mem=2G' }));
    expect(plan.steps).toEqual([]);
    expect(changes).toEqual([]);
    expect(diff.outdated).toEqual([
      differs('member-0', 'base', 'debian@12', 'debian@13'),
      differs('member-0', 'constraints', 'mem=1G', 'cores=2 mem=2G'),
      differs('member-1', 'base', 'debian@12', 'debian@13'),
      differs('member-1', 'constraints', 'mem=1G', 'cores=2 mem=2G'),
    ]);
    expect((await rig.plan(bundle())).diff.outdated).toEqual([]);
    const { diff: asked } = await rig.plan(bundle(), { options: { base: 'debian@13' } });
    expect(asked.outdated).toHaveLength(2);
    // Whatever is wanted, its steps are those of what it runs.
    const { plan: larger } = await rig.plan(bundle({ bases: 'debian@13', size: 2 }));
    const packages = larger.steps.filter(({ key }) => key.endsWith(':identify')).map(({ input }) => input.packages);
    expect(packages).toEqual([['lib12'], ['lib12']]);
  });

  it('keeps its base where the bundle lets it, whatever images the cloud has by now', async () => {
    const text = bundle({ bases: 'debian@13, debian@12' });
    await ends(text);
    for (const bases of [[BOOKWORM, TRIXIE], [TRIXIE]]) {
      rig.bases = bases;
      expect((await rig.plan(text)).diff).toMatchObject({ outdated: [], units: [], nodes: [], unchanged: 2 });
    }
    const larger = await rig.plan(bundle({ bases: 'debian@13, debian@12', size: 2 }));
    const packages = larger.plan.steps
      .filter(({ key }) => key.endsWith(':identify'))
      .map(({ input }) => input.packages);
    expect(packages).toEqual([['lib12'], ['lib12']]);
    // Nobody knows any more what they were made with: nothing is said.
    await rig.dataSource.query('update node set base = null, constraints = null');
    rig.bases = [BOOKWORM, TRIXIE];
    expect((await rig.plan(text)).diff.outdated).toEqual([]);
  });

  it('is made anew where that is asked for, when what is on it has left', async () => {
    await ends(bundle());
    const before = rig.nodes.get('member-0');
    rig.told();
    rig.bases = [BOOKWORM, TRIXIE];
    const text = bundle({ bases: 'debian@13' });
    const { changes, destroys, diff } = await rig.plan(text, { replace: ['member-0'] });
    expect(changes).toEqual([
      'give back node member-0 (host-member-0); another takes its place',
      'deploy debian@13 to node member-0: a scripted node',
      'move member/0 to the new node member-0',
      'change member/1 on node member-1: join (follows)',
    ]);
    expect(destroys).toEqual(['the disks of member-0']);
    expect(diff.outdated).toEqual([differs('member-1', 'base', 'debian@12', 'debian@13')]);
    await ends(text, ['member-0']);
    expect(rig.told()[0]).toBe('member/0 remove');
    expect(rig.nodes.get('member-0')).not.toBe(before);
    expect((await made()).map(({ base }) => base)).toEqual(['debian@13', 'debian@12']);
    const again = await rig.plan(text);
    expect(again.plan.steps).toEqual([]);
    expect(again.diff.outdated).toHaveLength(1);
    await expect(rig.plan(text, { replace: ['member-7'] })).rejects.toThrow(/no such node/);
  });

  it('is made anew with what is wanted where it is replaced as lost', async () => {
    await ends(bundle());
    rig.bases = [BOOKWORM, TRIXIE];
    const deployment = await rig.deployments.get('club');
    const wanted = { files: [{ name: 'bundle.yaml', text: bundle({ bases: 'debian@13' }) }], options: {} };
    const { id } = await rig.dataSource.transaction((manager) =>
      rig.deployments.change(manager, deployment, wanted, {
        ...{ action: 'replace', title: 'replace', actor: 'tester', replace: ['member-1'] },
      }),
    );
    expect(await rig.over(id)).toMatchObject({ status: 'succeeded', reason: null });
    expect((await made()).map(({ base }) => base)).toEqual(['debian@12', 'debian@13']);
  });
});
