import 'reflect-metadata';
import { fork, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { compileProgram } from '../support/compile.js';
import { Datastores } from '../support/datastores.js';
import { DeploymentRig } from '../support/deployment-rig.js';
import { eventually } from '../support/pipeline-engine.js';

/** Each lays one file, and takes it away after it has told so. */
const role = (name: string, relations: string, remove = '') => ({
  'role.yaml': `role: ${name}
summary: Lays a file
bases: [debian@12]
options: {told: {type: string, description: Where to tell}}
${relations}
`,
  'lay.sh':
    '#!/bin/bash\necho laid >"${OPT_TOLD%/*}/laid-${UNIT//\\//-}"\n[ -z "${MUSTER_OUTPUT:-}" ] || echo "url=$UNIT" >>"$MUSTER_OUTPUT"\n',
  'remove.sh': `#!/bin/bash
echo "$UNIT begins" >>"$OPT_TOLD"
${remove}
rm -f "\${OPT_TOLD%/*}/laid-\${UNIT//\\//-}"
echo "$UNIT removed" >>"$OPT_TOLD"
`,
});
const STEPS = (after: string) => `steps:
  lay: {run: lay.sh, ${after}publishes: [url], repeatable: true}
  remove: {run: remove.sh, on: remove, timeout: 60s, retries: 0}`;
const ROLES = {
  store: role('store', `provides: {db: store-db}\n${STEPS('')}`),
  // Stands between the others, and has nothing to remove.
  cache: {
    ...role(
      'cache',
      `requires: {db: store-db}\nprovides: {fast: fast-db}\nsteps:\n  lay: {run: lay.sh, after: [db], publishes: [url], repeatable: true}`,
    ),
  },
  web: role(
    'web',
    `requires: {fast: fast-db}\n${STEPS('after: [fast], ')}`,
    '[ ! -e "${OPT_TOLD%/*}/broken" ] || { echo "no way" >&2; exit 3; }\n[ ! -e "${OPT_TOLD%/*}/slow" ] || sleep 4',
  ),
  guest: role(
    'guest',
    `steps:
  lay: {run: lay.sh, publishes: [url], repeatable: true}
  leave: {run: leave.sh, on: remove, outside: true, repeatable: true}
  remove: {run: remove.sh, on: remove, after: [leave], repeatable: true}`,
  ),
};
/** Begins, and never comes to its end. */
const HALF = {
  ...role('half', STEPS('').replace('publishes: [url], repeatable: true', 'retries: 0')),
  'lay.sh':
    '#!/bin/bash\necho laid >"${OPT_TOLD%/*}/laid-${UNIT//\\//-}"\n[ ! -e "${OPT_TOLD%/*}/slow" ] || sleep 60\nexit 1\n',
};
const GUEST = { ...ROLES.guest, 'leave.sh': '#!/bin/bash\necho "$UNIT says goodbye" >>"$OPT_TOLD"\n' };

let stores: Datastores;
let rig: DeploymentRig;
beforeAll(async () => {
  stores = await Datastores.start();
});
afterAll(() => stores.stop());
beforeEach(async () => {
  rig = await DeploymentRig.start(stores, { ...ROLES, guest: GUEST, half: HALF }, 4);
  rig.nodesStay = true;
});
afterEach(() => rig.stop());

const LONG = 240_000;
const bundle = () => {
  const options = `options: {told: ${rig.folder}/told}`;
  return `name: shop
machines: {"0": {}, "1": {}, "2": {}}
applications:
  store: {role: store, to: ["0"], ${options}}
  cache: {role: cache, to: ["2"], ${options}}
  web: {role: web, num_units: 2, to: ["1", "2"], ${options}}
relations: [[cache:db, store:db], [web:fast, cache:fast]]
`;
};
const laid = () =>
  readdirSync(rig.folder)
    .filter((name) => name.startsWith('laid-'))
    .sort();
const begin = async (forget: string[] = []) => {
  const deployment = await rig.deployments.get('shop');
  return rig.dataSource.transaction((manager) => rig.teardown.down(manager, deployment, 'tester', forget));
};
const down = async (forget: string[] = []) => rig.over((await begin(forget)).id);

it('takes off hosts that stay what roles laid there, dependants before what they depend on', async () => {
  expect(await rig.up(bundle())).toMatchObject({ status: 'succeeded', reason: null });
  expect(laid()).toEqual(['laid-cache-0', 'laid-store-0', 'laid-web-0', 'laid-web-1']);
  rig.told();
  const { changes } = await rig.teardown.planDown('shop');
  expect(changes.slice(0, 3).sort()).toEqual([
    ...['remove store/0 from node 0', 'remove web/0 from node 1', 'remove web/1 from node 2'],
  ]);
  expect(await down()).toMatchObject({ status: 'succeeded', reason: null });
  // The cache has no remove step; the store waits for the webs that reach it through the cache all the same.
  const told = rig.told();
  expect(told.slice(0, 4).sort()).toEqual(['web/0 begins', 'web/0 removed', 'web/1 begins', 'web/1 removed']);
  expect(told.slice(4)).toEqual(['store/0 begins', 'store/0 removed']);
  expect(laid()).toEqual(['laid-cache-0']);
  expect(rig.nodes.size).toBe(0);
  await expect(rig.deployments.get('shop')).rejects.toThrow(/cannot find/);
});

it.each(['failed', 'cancelled'])('takes off hosts that stay what a first step has laid there that %s', async (how) => {
  const text = (units: number) =>
    `name: shop\napplications: {half: {role: half, num_units: ${units}, options: {told: ${rig.folder}/told}}}\n`;
  if (how === 'cancelled') rig.write('slow', '');
  const { run } = await rig.dataSource.transaction((manager) =>
    rig.deployments.up(manager, rig.request(text(2)), 'tester'),
  );
  await eventually('both are laid in part', () => laid().length === 2);
  if (how === 'cancelled') await rig.engine.runs.cancel(run.id, 'enough');
  expect(await rig.over(run.id)).toMatchObject({ status: how });
  // Neither repeatable nor with a check, but not done yet: it is not kept back.
  const { diff } = await rig.plan(text(1));
  expect(diff).toMatchObject({ keptBack: [], units: [{ unit: 'half/1', change: 'remove' }, { unit: 'half/0' }] });
  expect(diff.units[1]?.steps).toEqual([{ step: 'lay', why: 'new' }]);
  expect((await rig.teardown.planDown('shop')).changes.slice(0, 2).sort()).toEqual([
    ...['remove half/0 from node half-0', 'remove half/1 from node half-1'],
  ]);
  expect(await down()).toMatchObject({ status: 'succeeded', reason: null });
  expect(laid()).toEqual([]);
});

it.each(['down', 'up'])('refuses `%s` that was planned while another run came to its end', async (action) => {
  const text = `name: shop\napplications: {half: {role: half, options: {told: ${rig.folder}/told}}}\n`;
  rig.write('slow', '');
  const { run } = await rig.dataSource.transaction((manager) =>
    rig.deployments.up(manager, rig.request(text), 'tester'),
  );
  await eventually('it is laid in part', () => laid().length === 1);
  rig.meanwhile = async () => {
    rig.meanwhile = () => Promise.resolve();
    await rig.engine.runs.cancel(run.id, 'enough');
    await rig.over(run.id);
  };
  await expect(action === 'down' ? begin() : rig.up(text)).rejects.toThrow(
    /^cannot start: another run on deployment .* has ended while this one was planned$/,
  );
  expect(await down()).toMatchObject({ status: 'succeeded', reason: null });
});

it('runs no remove steps on nodes that are thrown away whole, but for a goodbye to something outside', async () => {
  rig.nodesStay = false;
  const text = `name: shop\napplications: {guest: {role: guest, options: {told: ${rig.folder}/told}}}\n`;
  expect(await rig.up(text)).toMatchObject({ status: 'succeeded' });
  expect(await down()).toMatchObject({ status: 'succeeded', reason: null });
  expect(rig.told()).toEqual(['guest/0 says goodbye']);
});

it('ends although a remove step fails, and says so', async () => {
  await rig.up(bundle());
  rig.write('broken', '');
  const run = await down();
  expect(run).toMatchObject({ status: 'succeeded' });
  expect(run.reason).toMatch(/^failed, and left out: remove\/web\/0:remove: .*3.*; remove\/web\/1:remove: /);
  expect(run.steps.find(({ key }) => key === 'remove/web/0:remove')).toMatchObject({ status: 'skipped' });
  expect(laid()).toEqual(['laid-cache-0', 'laid-web-0', 'laid-web-1']);
  expect(rig.nodes.size).toBe(0);
});

it(
  'gives back all but a host that is dead, and ends without it once that is told',
  async () => {
    await rig.up(bundle());
    rig.told();
    await rig.nodes.get('1')!.cut();
    rig.unreachable.add('1');
    const failed = await down();
    expect(failed).toMatchObject({ status: 'failed', reason: 'node/1:release: it does not answer' });
    expect([...rig.nodes.keys()]).toEqual(['1']);
    expect(laid()).toEqual(['laid-cache-0', 'laid-web-0']);
    expect(rig.told()).toEqual(['web/1 begins', 'web/1 removed', 'store/0 begins', 'store/0 removed']);
    // What could not be removed is remembered, for a host that comes back.
    expect((await rig.teardown.planDown('shop')).changes).toEqual([
      ...['remove web/0 from node 1', 'give back node 1 (host-1)'],
    ]);
    expect((await rig.teardown.planDown('shop', ['1'])).changes).toEqual(['give back node 1 (host-1)']);
    expect(await down(['1'])).toMatchObject({ status: 'succeeded', reason: null });
    await expect(rig.deployments.get('shop')).rejects.toThrow(/cannot find/);
  },
  LONG,
);

it(
  'whose worker is killed in the middle loses nothing and runs nothing twice',
  async () => {
    await rig.up(bundle());
    rig.told();
    rig.write('slow', '');
    await rig.engine.stop();
    const run = await begin();
    const told = () => (existsSync(join(rig.folder, 'told')) ? readFileSync(join(rig.folder, 'told'), 'utf8') : '');
    const options = {
      ...{ databaseUrl: rig.databaseUrl, redisUrl: stores.redis.url, prefix: randomUUID() },
      ...{ effects: join(rig.folder, 'effects'), environment: rig.environment },
    };
    const program = compileProgram('test/support/down-worker.ts');
    const start = () =>
      fork(program, [JSON.stringify(options)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: [] });
    const first: ChildProcess = start();
    let second: ChildProcess | null = null;
    try {
      await eventually('both webs are being removed', () => told().match(/begins/g)?.length === 2, 90_000);
      first.kill('SIGKILL');
      second = start();
      expect(await rig.over(run.id)).toMatchObject({ status: 'succeeded', reason: null });
      expect(rig.told().sort()).toEqual(
        ['store/0', 'web/0', 'web/1'].flatMap((unit) => [`${unit} begins`, `${unit} removed`]),
      );
      expect(laid()).toEqual(['laid-cache-0']);
    } finally {
      first.kill('SIGKILL');
      second?.kill('SIGKILL');
    }
  },
  LONG,
);
