import { dirname } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Datastores } from '../support/datastores.js';
import { SshCloud } from '../support/ssh-cloud.js';

let stores: Datastores;
let cloud: SshCloud;
beforeAll(async () => {
  stores = await Datastores.start();
  cloud = await SshCloud.start(stores, 2);
}, 120_000);
afterAll(async () => {
  await cloud.stop();
  await stores.stop();
});

/** A role by its step that lays it; gives its folder. */
function role(name: string, lay: string, test?: string): string {
  const steps =
    'lay: {run: lay.sh, repeatable: true}, health: {run: do.sh, on: verify}, remove: {run: do.sh, on: remove}';
  const bases = '[debian@12, debian@13, ubuntu@22.04, ubuntu@24.04]';
  cloud.write(`roles/${name}/lay.sh`, `#!/bin/bash\nset -eu\ncd "$MUSTER_LOOK_ROOT/etc"\n${lay}\n`);
  cloud.write(`roles/${name}/do.sh`, 'true\n');
  if (test !== undefined) cloud.write(`roles/${name}/test.yaml`, test);
  const text = `role: ${name}\nsummary: Is tried\nbases: ${bases}\nsteps: {${steps}}\n`;
  return dirname(cloud.write(`roles/${name}/role.yaml`, text));
}

const test = (folder: string) => cloud.api.cli(['roles', 'test', folder, '--on', 'rack']);

it('a role that changes nothing the second time passes, whether or not it says so', async () => {
  const silent = await test(role('silent', '[ -e silent ] || echo one >silent'));
  expect(silent).toMatchObject({ code: 0, stdout: 'silent: laid down twice, verified and removed\n' });
  expect(silent.stderr).toContain('nothing was seen to change; 1 step did not say so: tested/0:lay\n');
  const saying = await test(role('saying', '[ -e saying ] && muster-unchanged || echo one >saying'));
  expect(saying.code).toBe(0);
  expect(saying.stderr).toContain('nothing was seen to change\n');
});

it('one that does change something fails with what it was, and on which node, whatever it says', async () => {
  const wanted =
    'machines: {"0": {}, "1": {}}\napplications: {tested: {role: restless, num_units: 2, to: ["0", "1"]}}\n';
  const lay = 'echo one >steady; [ "$UNIT_NUMBER" = 0 ] || date +%s%N >restless; muster-unchanged';
  const { code, stderr } = await test(role('restless', lay, `name: test-restless\n${wanted}`));
  expect(code).toBe(1);
  expect(stderr).toContain(
    'role restless: the second time was not without a change\n  node 1: /etc/restless: content\n',
  );
  expect(stderr).not.toContain('steady');
  expect((await cloud.api.cli(['status'])).stdout).not.toContain('restless');
});
