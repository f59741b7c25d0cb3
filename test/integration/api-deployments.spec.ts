import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataSource } from 'typeorm';
import type { PlanReply, RunDetail } from '../../src/api/contract/index.js';
import { DeploymentRecords } from '../../src/deployments/deployment-records.js';
import { DeploymentsService } from '../../src/deployments/index.js';
import { ImageCatalog } from '../../src/images/index.js';
import { ClaimsService } from '../../src/machines/index.js';
import { ApiApp } from '../support/api-app.js';
import { Datastores } from '../support/datastores.js';
import { httpsClient } from '../support/https-client.js';

let stores: Datastores;
let api: ApiApp;
let folder: string;
beforeAll(async () => {
  stores = await Datastores.start();
  api = await ApiApp.start(stores);
  folder = mkdtempSync(join(tmpdir(), 'muster-bundle-'));
});
afterAll(async () => {
  await api.stop();
  await stores.stop();
  rmSync(folder, { recursive: true, force: true });
});

function bundle(text: string): string {
  const path = join(folder, 'bundle.yaml');
  writeFileSync(path, text);
  return path;
}

describe('bundles', () => {
  it('that are shipped are listed, shown and good', async () => {
    expect((await api.cli(['bundles'])).stdout).toContain('lxd-fan');
    expect((await api.cli(['bundles', 'show', 'ubuntu'])).stdout).toContain('applications:');
    expect((await api.cli(['bundles', 'check', 'lxd-fan'])).code).toBe(0);
    expect((await api.cli(['bundles', 'show', '../../etc'])).code).toBe(3);
  });

  it('of our own are told all their problems, each with its place', async () => {
    const path = bundle('name: bad\napplications:\n  a: {role: ubunto, num_units: x}\nnonsense: 1\n');
    const checked = await api.cli(['bundles', 'check', path]);
    expect(checked.code).toBe(1);
    expect(checked.stdout).toMatch(/bundle\.yaml:3:\d+/);
    expect(checked.stdout).toMatch(/bundle\.yaml:4:\d+/);
  });

  it('include nothing from outside their folder', async () => {
    const path = bundle('applications:\n  a: {role: os, options: {x: include-file://../../etc/passwd}}\n');
    const checked = await api.cli(['bundles', 'check', path]);
    expect(checked.code).not.toBe(0);
    expect(checked.stdout).not.toContain('root:');
    expect(checked.stdout).toContain('it is outside the folder of bundle.yaml');
  });

  it('are refused with files that would lie outside their folder, or twice', async () => {
    const token = readFileSync(join(api.dataDir, 'admin.token'), 'utf8').trim();
    const check = (paths: string[]) =>
      httpsClient(api)('POST', '/v1/bundles/check', {
        token,
        body: JSON.stringify({ files: ['bundle.yaml', ...paths].map((path) => ({ path, text: 'name: x\n' })) }),
      });
    for (const path of ['../x', 'a/../x', '/x', '..', './x', 'a\\x', 'x\u0007']) {
      expect([path, (await check([path])).status]).toEqual([path, 400]);
    }
    expect((await check(['bundle.yaml'])).text).toContain('bundle.yaml was given twice');
    expect((await check(['..a/b..c/d'])).status).toBe(200);
  });
});

describe('deployments', () => {
  it('are refused while there is no image, with what to do', async () => {
    const plan = await api.cli(['plan', 'ubuntu']);
    expect(plan.code).toBe(4);
    expect(plan.stderr).toContain('muster images build debian@12');
    await new ImageCatalog(api.app.get(DataSource)).record({
      ...{ kind: 'os', os: 'debian', release: '12', architecture: 'amd64', variant: 'default', version: '1' },
      ...{ source: 'test', labels: {}, createdAt: new Date(), files: [] },
    });
  });

  it('are planned without a change, and refused without a yes', async () => {
    await api.cli(['machines', 'declare', 'n1', '--power', 'manual']);
    await api.cli(['machines', 'declare', 'n2', '--power', 'manual']);
    const plan = await api.cli(['plan', 'ubuntu', '--json']);
    expect(plan.stderr).toBe('');
    expect(plan.code).toBe(0);
    const { steps, estimate } = JSON.parse(plan.stdout) as PlanReply;
    expect(steps.length).toBeGreaterThan(3);
    expect(estimate.seconds).toBeGreaterThan(30);
    expect(estimate.guessed).toContain('metal.allocate');
    const tree = await api.cli(['plan', 'ubuntu']);
    expect(tree.stdout).toMatch(/^ubuntu on metal: \d+ steps, about \d+m\d\ds; never run here: .*metal\.allocate/);
    expect(tree.stdout).toMatch(
      /└─ \+ node ubuntu-0: deploy debian@12 to node ubuntu-0: [^]* {3}├─ ! [^]* {3}└─ \+ ubuntu\/0/,
    );
    const refused = await api.cli(['up', 'ubuntu']);
    expect(refused.code).toBe(4);
    expect(refused.stderr).toContain('--yes');
    expect(JSON.parse((await api.cli(['status', '--json'])).stdout)).toMatchObject({ deployments: [] });
  });

  it('are brought up as a run that can be watched, paused and cancelled', async () => {
    const up = await api.cli(['up', 'ubuntu', '--name', 'trial', '--yes', '--detach', '--json']);
    expect(up.stderr).toBe('');
    const { run } = JSON.parse(up.stdout) as { run: { id: string } };
    expect((await api.cli(['status', 'trial'])).stdout).toContain('working');
    expect((await api.cli(['runs', 'show', 'trial'])).stdout).toContain(run.id);
    expect((await api.cli(['logs', 'trial'])).code).toBe(0);
    const unknown = await api.cli(['logs', 'trial', '--step', 'ubuntu/0:hoast']);
    expect(unknown.code).toBe(3);
    expect(unknown.stderr).toContain('cannot find a step "ubuntu/0:hoast" in');
    expect((await api.cli(['pause', 'trial'])).stdout).toContain('paused');
    expect((await api.cli(['resume', 'trial'])).stdout).toContain('running');
    const again = await api.cli(['up', 'ubuntu', '--name', 'trial', '--yes', '--detach']);
    expect(again.code).toBe(4);
    expect(again.stderr).toContain(run.id);
    expect((await api.cli(['cancel', run.id])).code).toBe(0);
    const logs = await api.cli(['logs', '-f', run.id]);
    expect(logs.code).toBe(1);
    expect((await api.cli(['runs', '--status', 'cancelled'])).stdout).toContain(run.id);
  });

  it('keep the roles that came with their bundle, and what it includes', async () => {
    const own = join(folder, 'own');
    mkdirSync(join(own, 'roles/greeter'), { recursive: true });
    writeFileSync(
      join(own, 'bundle.yaml'),
      'name: own\napplications:\n  greeter: {role: greeter, options: {text: include-file://text.txt}}\n',
    );
    writeFileSync(join(own, 'text.txt'), 'good day');
    writeFileSync(
      join(own, 'roles/greeter/role.yaml'),
      `role: greeter
summary: Says it
bases: [debian@12]
options: {text: {type: string, description: What}}
steps:
  say: {run: say.sh}
  hear: {run: say.sh, on: verify}
`,
    );
    writeFileSync(join(own, 'roles/greeter/say.sh'), 'echo "$OPT_TEXT"\n');
    expect(await api.cli(['bundles', 'check', own])).toMatchObject({ code: 0, stderr: '' });
    const up = await api.cli(['up', own, '--yes', '--detach', '--json']);
    expect(up.stderr).toBe('');
    const { run } = JSON.parse(up.stdout) as { run: { id: string } };
    await api.cli(['cancel', run.id]);
    rmSync(own, { recursive: true });
    const deployments = api.app.get(DeploymentsService);
    const deployment = await deployments.get('own');
    const { compiled } = api.app.get(DeploymentRecords).compiled(deployment);
    expect(compiled.plan.steps.find(({ key }) => key === 'greeter/0:hear')).toMatchObject({
      input: { script: 'echo "$OPT_TEXT"\n', environment: { OPT_TEXT: 'good day' } },
    });
    const steps = await api.app
      .get(DataSource)
      .query<{ input: { script: string } }[]>(`select input from step where run_id = $1 and key = 'greeter/0:say'`, [
        run.id,
      ]);
    expect(steps[0]?.input.script).toBe('echo "$OPT_TEXT"\n');
    const audit = await api.cli(['audit', '--json']);
    expect(audit.stdout).not.toContain('echo \\"$OPT_TEXT');
  });

  it('leave a run going at Ctrl-C, and say how to follow it', async () => {
    const interrupt = new AbortController();
    const up = api.cli(['up', 'ubuntu', '--name', 'other', '--yes'], { signal: interrupt.signal });
    setTimeout(() => interrupt.abort(), 1500);
    const { code, stderr } = await up;
    expect(code).toBe(130);
    expect(stderr).toContain('muster logs -f');
    expect((await api.cli(['runs', '--of', 'other'])).stdout).toContain('running');
    await api.cli(['cancel', 'other']);
  });

  it('tell their events, and go on after the last one seen', async () => {
    const send = httpsClient(api);
    const token = readFileSync(join(api.dataDir, 'admin.token'), 'utf8').trim();
    const [run] = JSON.parse((await api.cli(['runs', '--of', 'other', '--json'])).stdout) as { id: string }[];
    const path = `/v1/runs/${run!.id}/events`;
    const all = await send('GET', path, { token });
    expect(all.headers['content-type']).toContain('text/event-stream');
    expect(all.text).toContain('event: end');
    const ids = [...all.text.matchAll(/^id: (\d+)$/gm)].map((match) => match[1]);
    expect(ids.length).toBeGreaterThan(0);
    const resumed = await send('GET', path, { token, headers: { 'last-event-id': ids[0]! } });
    expect([...resumed.text.matchAll(/^id: (\d+)$/gm)].map((match) => match[1])).toEqual(ids.slice(1));
  });

  it('give back what a failed run took, or let it go where it is lost', async () => {
    const { id } = await api.app.get(DeploymentsService).get('trial');
    const claim = { claim: `${id}/ubuntu-0`, deploymentId: id, owner: 'trial', constraint: {} };
    const machine = await api.app.get(ClaimsService).claim(claim);
    const plain = await api.cli(['down', 'trial']);
    expect(plain.code).toBe(4);
    expect(plain.stderr).toContain(`give back node ubuntu-0 (${machine.name})`);
    const unknown = await api.cli(['down', 'trial', '--forget', 'nope', '--yes']);
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain('its nodes: ubuntu-0');
    const lost = await api.cli(['down', 'trial', '--forget', 'ubuntu-0', '--yes', '--detach', '--json']);
    const { id: run } = JSON.parse(lost.stdout) as { id: string };
    const { steps } = JSON.parse((await api.cli(['runs', 'show', run, '--json'])).stdout) as RunDetail;
    expect(steps.map((step) => step.kind)).toEqual(['machine.abandon', 'deployment.remove']);
  });

  it('are changed by what is set over their bundle, after the plan was shown', async () => {
    const diff = await api.cli(['diff', 'other']);
    expect(diff.code).toBe(1);
    expect(diff.stdout).toContain('lay os as ubuntu/0');
    const ambiguous = await api.cli(['scale', 'ubuntu=3']);
    expect(ambiguous.code).toBe(2);
    expect(ambiguous.stderr).toContain('other, trial');
    const shown = await api.cli(['scale', 'ubuntu=3', '-D', 'other']);
    expect(shown.code).toBe(4);
    expect(shown.stderr).toContain('lay os as ubuntu/2 on node ubuntu-2');
    const scaled = await api.cli(['scale', 'ubuntu=3', '-D', 'other', '--yes', '--detach', '--json']);
    expect(scaled.stderr).toBe('');
    const { run } = JSON.parse(scaled.stdout) as { run: { id: string } };
    const { title, steps } = JSON.parse((await api.cli(['runs', 'show', run.id, '--json'])).stdout) as RunDetail;
    expect(title).toBe('scale other ubuntu.num_units=3');
    expect(steps.map(({ key }) => key)).toContain('ubuntu/2:settle');
    const wrong = await api.cli(['set', 'ubuntu', 'nothing=1', '-D', 'other']);
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain('role "os" has no option "nothing"');
    for (const words of [
      ['set', 'ubuntu'],
      ['set', 'x'],
      ['scale', 'ubuntu'],
      ['scale', 'ubuntu=-1'],
    ])
      expect((await api.cli(words)).code).toBe(2);
    expect((await api.cli(['scale', 'etcd=1'])).code).toBe(3);
    await api.cli(['cancel', run.id]);
  });

  it('have no node to log in to before they are up', async () => {
    const answer = await api.cli(['ssh', 'other:0']);
    expect(answer.code).toBe(3);
    expect(answer.stderr).toContain('no node yet');
  });
});

describe('a machine', () => {
  it.each([
    [[], ['test-memory', 'test-disk']],
    [['--only', 'disk'], ['test-disk']],
    [['--only', 'memory'], ['test-memory']],
  ])('is tested by %j', async (options, orders) => {
    await api.cli(['machines', 'declare', 'tested', '--power', 'manual']);
    const begun = await api.cli(['machines', 'test', 'tested', ...options, '--detach', '--json']);
    const { id } = JSON.parse(begun.stdout) as { id: string };
    const { steps } = JSON.parse((await api.cli(['runs', 'show', id, '--json'])).stdout) as RunDetail;
    const kept = steps.flatMap(({ kind, key }) => (kind === 'machine.order' ? [key.split(':').at(-1)] : []));
    expect(kept).toEqual(orders);
    await api.cli(['cancel', id]);
  });
});
