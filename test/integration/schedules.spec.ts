import 'reflect-metadata';
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it } from 'vitest';
import { SCHEDULE_DEFAULTS } from '../../src/bundles/schedules.js';
import { Schedule, type NewSchedule } from '../../src/deployments/index.js';
import { Datastores } from '../support/datastores.js';
import { DeploymentRig } from '../support/deployment-rig.js';
import { eventually } from '../support/pipeline-engine.js';

const ROLES = {
  hello: {
    'role.yaml': `role: hello
summary: Says so
bases: [debian@12]
options: {told: {type: string, description: Where to tell}}
steps:
  greet: {run: greet.sh, publishes: [at, constant], repeatable: true}
  health: {run: health.sh, on: verify, repeatable: true}
`,
    'greet.sh':
      '#!/bin/bash\necho "$UNIT greet" >>"$OPT_TOLD"\nprintf "at=%s\\nconstant=1\\n" "$(date +%s%N)" >>"$MUSTER_OUTPUT"\n',
    'health.sh': '#!/bin/bash\necho "$UNIT health" >>"$OPT_TOLD"\n[ ! -e "${OPT_TOLD%/*}/ill" ] || exit 127\n',
  },
};

let stores: Datastores;
let rig: DeploymentRig;
beforeAll(async () => {
  stores = await Datastores.start();
});
afterAll(() => stores.stop());
beforeEach(async () => {
  rig = await DeploymentRig.start(stores, ROLES, 2);
  rig.clock.set('2026-11-26T12:00:00Z');
  expect(await rig.up(bundle())).toMatchObject({ status: 'succeeded', reason: null });
  rig.told();
});
afterEach(() => rig.stop());

function bundle(schedules = ''): string {
  return `name: lab
applications:
  hello: {role: hello, options: {told: ${rig.folder}/told}}
muster: {${schedules}}
`;
}

function add(more: Partial<NewSchedule> = {}) {
  const wanted: NewSchedule = {
    ...SCHEDULE_DEFAULTS,
    ...{ name: 's', deployment: 'lab', cron: '0 * * * *', action: 'verify' },
    ...more,
  };
  return rig.schedules.add(rig.dataSource.manager, wanted, 'tester');
}
const history = async (name = 's') => rig.schedules.history(await rig.schedules.get(name), 50);
const seen = async (name = 's') =>
  (await history(name)).map(({ dueAt, status }) => `${dueAt.toISOString().slice(5, 16)} ${status}`);

/** Looks, as every second in life, until nothing is open. */
async function settle(runner = rig.runner()): Promise<void> {
  await eventually(
    'all its times are over',
    async () => {
      await runner.look();
      const open = (await history()).filter(({ status }) => status === 'waiting' || status === 'running');
      return open.length === 0;
    },
    60_000,
  );
}

describe('a schedule', () => {
  it('fires once at its time, however many schedulers look, and tells what became of it', async () => {
    await add();
    const runners = Array.from({ length: 6 }, () => rig.runner());
    await Promise.all(runners.map((runner) => runner.look()));
    expect(await seen()).toEqual([]);
    rig.clock.set('2026-11-26T13:00:00.500Z');
    await Promise.all(runners.map((runner) => runner.look()));
    await Promise.all(runners.map((runner) => runner.look()));
    await settle();
    expect(await seen()).toEqual(['11-26T13:00 succeeded']);
    expect(rig.told()).toEqual(['hello/0 health']);
    expect((await rig.schedules.get('s')).nextAt.toISOString()).toBe('2026-11-26T14:00:00.000Z');
  });

  it('does not fire a time again when the clock is set back over it', async () => {
    await add();
    rig.clock.set('2026-11-26T13:00:01Z');
    await settle();
    rig.clock.set('2026-11-26T12:30:00Z');
    await settle();
    rig.clock.set('2026-11-26T13:00:02Z');
    await settle();
    expect(await seen()).toEqual(['11-26T13:00 succeeded']);
    rig.clock.set('2026-11-26T14:00:00Z');
    await settle();
    expect(await seen()).toEqual(['11-26T14:00 succeeded', '11-26T13:00 succeeded']);
  });

  it.each(['skip', 'once'] as const)('with missed: %s catches up as told', async (missed) => {
    await add({ missed });
    rig.clock.set('2026-11-28T08:40:00Z');
    await settle();
    expect(await seen()).toEqual([`11-28T08:00 ${missed === 'once' ? 'succeeded' : 'skipped'}`]);
    expect((await rig.schedules.get('s')).nextAt.toISOString()).toBe('2026-11-28T09:00:00.000Z');
  });

  it.each(['skip', 'queue', 'replace'] as const)('that is due while its last run is still on: %s', async (overlap) => {
    await add({ overlap, startWithinSeconds: 7000 });
    const runner = rig.runner();
    rig.clock.set('2026-11-26T13:00:00Z');
    await rig.engine.stop();
    await runner.look();
    rig.clock.set('2026-11-26T14:00:00Z');
    await runner.look();
    await runner.look();
    const [second, first] = await history();
    // With replace, what nobody works on is cancelled, and so over, at once.
    expect(first!.status).toBe(overlap === 'replace' ? 'failed' : 'running');
    if (overlap !== 'replace') expect(second!.status).toBe(overlap === 'skip' ? 'skipped' : 'waiting');
    rig.build();
    await settle(rig.runner());
    expect((await seen()).sort()).toEqual([
      `11-26T13:00 ${overlap === 'replace' ? 'failed' : 'succeeded'}`,
      `11-26T14:00 ${overlap === 'skip' ? 'skipped' : 'succeeded'}`,
    ]);
  });

  it('that fails often enough in a row is paused, and goes on when it is told to', async () => {
    await add({ stopAfterFailures: 2 });
    rig.write('ill', '');
    for (const hour of ['13', '14', '15']) {
      rig.clock.set(`2026-11-26T${hour}:00:00Z`);
      await settle();
    }
    expect(await seen()).toEqual(['11-26T14:00 failed', '11-26T13:00 failed']);
    expect((await rig.schedules.get('s')).pausedReason).toMatch(
      /^it failed 2 times in a row: run .* failed: hello\/0:health/,
    );
    rig.forget('ill');
    await rig.schedules.resume(rig.dataSource.manager, 's');
    rig.clock.set('2026-11-26T16:00:00Z');
    await settle();
    expect((await seen())[0]).toBe('11-26T16:00 succeeded');
    expect((await rig.schedules.get('s')).failures).toBe(0);
  });

  describe('with a canary', () => {
    beforeEach(async () => {
      const other = bundle()
        .replace('name: lab', 'name: trial')
        .replace('hello: {', 'trial: {')
        .replace('/told}', '/told-trial}');
      expect(await rig.up(other)).toMatchObject({ status: 'succeeded', reason: null });
      await add({ canary: 'trial', action: 'redeploy' });
    });
    const ids = async () => Promise.all(['lab', 'trial'].map(async (name) => (await rig.deployments.get(name)).id));

    it('does it to that one first, and then to its own', async () => {
      const before = await ids();
      rig.clock.set('2026-11-26T13:00:00Z');
      const runner = rig.runner();
      await eventually(
        'the canary is done',
        async () => {
          await runner.look();
          return (await history())[0]?.onCanary === false;
        },
        60_000,
      );
      expect((await ids()).map((id, n) => id === before[n])).toEqual([true, false]);
      expect(rig.told()).toEqual([]);
      await settle(runner);
      const [firing] = await history();
      expect(firing).toMatchObject({ status: 'succeeded', reason: null, phase: 'up' });
      expect(Object.keys(firing!.outputs!)).toEqual(['hello/0:greet.at']);
      expect((await ids())[0]).not.toBe(before[0]);
    });

    it('leaves its own alone where that one fails', async () => {
      rig.write('ill', '');
      const [lab] = await ids();
      rig.clock.set('2026-11-26T13:00:00Z');
      await settle();
      const [firing] = await history();
      expect(firing).toMatchObject({
        status: 'failed',
        reason: expect.stringMatching(/^on its canary, trial: run/) as string,
      });
      expect((await ids())[0]).toBe(lab);
      expect((await rig.schedules.get('s')).failures).toBe(1);
      rig.forget('ill');
    });

    it('is refused where that is itself', async () => {
      await expect(add({ name: 'other', canary: 'lab' })).rejects.toThrow('lab cannot be its own canary');
    });
  });

  it('redeploys from nothing, and reports which outputs are others', async () => {
    const before = await rig.deployments.get('lab');
    await add({ action: 'redeploy' });
    await rig.schedules.fireNow(rig.dataSource.manager, 's');
    await settle();
    const [firing] = await history();
    expect(firing).toMatchObject({ status: 'succeeded', phase: 'up', reason: null });
    expect(Object.keys(firing!.outputs!)).toEqual(['hello/0:greet.at']);
    expect((await rig.deployments.get('lab')).id).not.toBe(before.id);
    expect(rig.told()).toEqual(['hello/0 greet', 'hello/0 health']);
  });

  it('that a bundle says comes and goes with it', async () => {
    await rig.up(bundle('schedules: {nightly: {cron: "0 3 * * *", tz: Europe/London, action: verify}}'));
    expect(await rig.schedules.get('lab-nightly')).toMatchObject({ fromBundle: true, timeZone: 'Europe/London' });
    await rig.up(bundle());
    await expect(rig.schedules.get('lab-nightly')).rejects.toThrow(/cannot find/);
  });

  it('that a bundle says takes over none that is there for another deployment, or was added by hand', async () => {
    const nightly = bundle('schedules: {nightly: {cron: "0 3 * * *", action: redeploy}}');
    for (const deployment of ['prod', 'lab']) {
      const { id } = await add({ name: 'lab-nightly', deployment });
      await expect(rig.up(nightly)).rejects.toThrow(`lab-nightly is there already, for ${deployment}`);
      expect(await rig.schedules.get('lab-nightly')).toMatchObject({ id, action: 'verify', fromBundle: false });
      await rig.schedules.remove(rig.dataSource.manager, 'lab-nightly');
    }
    expect(await rig.up(nightly)).toMatchObject({ status: 'succeeded' });
  });

  it('that a bundle says is not for the deployment that is its canary', async () => {
    const nightly = (canary: string) =>
      bundle(`schedules: {nightly: {cron: "0 3 * * *", action: redeploy, canary: ${canary}}}`);
    await rig.up(nightly('trial'));
    expect(await rig.schedules.get('lab-nightly')).toMatchObject({ canary: 'trial' });
    await rig.up(nightly('lab'));
    await expect(rig.schedules.get('lab-nightly')).rejects.toThrow(/cannot find/);
  });

  it('that redeploys tears nothing down that could not be laid again for want of a name for a schedule', async () => {
    await rig.up(bundle('schedules: {nightly: {cron: "0 3 * * *", action: verify}}'));
    await rig.schedules.remove(rig.dataSource.manager, 'lab-nightly');
    await add({ name: 'lab-nightly', cron: '0 4 * * *' });
    await add({ action: 'redeploy' });
    const { id } = await rig.deployments.get('lab');
    await rig.schedules.fireNow(rig.dataSource.manager, 's');
    await settle();
    const reason = expect.stringContaining('lab-nightly is there already, for lab') as string;
    expect((await history())[0]).toMatchObject({ status: 'failed', phase: null, runId: null, reason });
    expect((await rig.deployments.get('lab')).id).toBe(id);
  });

  it('that its own run takes away does not keep others from firing', async () => {
    const nightly = { cron: '0 13 * * *', action: 'apply' as const };
    await rig.up(bundle(`schedules: {nightly: {cron: "${nightly.cron}", action: apply, canary: lab}}`));
    const { id } = await add({ name: 'lab-nightly', ...nightly });
    // As it was kept before a bundle's canary was left out.
    await rig.dataSource.getRepository(Schedule).update({ id }, { canary: 'lab', fromBundle: true });
    await rig.schedules.fireNow(rig.dataSource.manager, 'lab-nightly');
    await rig.runner().look();
    await expect(rig.schedules.get('lab-nightly')).rejects.toThrow(/cannot find/);
    await add();
    rig.clock.set('2026-11-26T13:00:00Z');
    await settle();
    expect(await seen()).toEqual(['11-26T13:00 succeeded']);
  });
});
