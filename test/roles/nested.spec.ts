import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isLxdMissing } from '../support/lxd-server.js';
import { OwnComputer } from '../support/own-computer.js';
import { eventually } from '../support/pipeline-engine.js';

const BUNDLE = `name: nested
applications:
  outside: {role: os}
  inside: {role: os, to: ["lxd:outside"]}
muster: {bases: [debian@12]}
`;

describe.skipIf(isLxdMissing)('a container on a container of this computer', () => {
  let computer: OwnComputer;
  beforeAll(async () => {
    computer = await OwnComputer.start({ bridge: 'mnest0', address: '10.179.15.1/24' });
  });
  afterAll(() => computer.stop());

  it('is made, reached through it, kept, brought back, and goes with it', async () => {
    const bundle = join(computer.dataDir, 'nested.yaml');
    writeFileSync(bundle, BUNDLE);
    expect(await computer.muster('up', bundle, '--on', 'localhost', '--yes')).toContain('nested is up');
    const exec = (node: string, ...command: string[]) => computer.muster('exec', `nested:${node}`, '--', ...command);
    const inside = 'outside-0/lxd/inside-0';
    expect(await exec('inside/0', 'hostname')).toContain('nested-outside-0-lxd-inside-0');
    expect(await exec('inside/0', 'cat', '/proc/1/comm')).toBe('systemd\n');
    const within = await exec('outside/0', 'lxc', 'list', '-c', 'ns', '-f', 'csv');
    expect(within).toMatch(/^nested-outside-0-lxd-inside-0\S*,RUNNING\n$/);
    expect(await computer.muster('nodes', 'list', 'nested')).toMatch(new RegExp(`${inside} .* outside-0`));

    await exec('inside/0', 'sh', '-c', 'echo one >/root/state; sync');
    await computer.muster('nodes', 'snapshot', 'nested', inside, 'first');
    await exec('inside/0', 'sh', '-c', 'echo two >/root/state; sync');
    await expect(computer.muster('nodes', 'restore', 'nested', inside, 'first')).rejects.toThrow(/--yes/);
    await computer.muster('nodes', 'restore', 'nested', inside, 'first', '--yes');
    expect(await exec('inside/0', 'cat', '/root/state')).toBe('one\n');
    await expect(computer.muster('nodes', 'evacuate', 'nested', 'outside-0', '--yes')).rejects.toThrow(/no other host/);

    // As where its host loses power: nobody asks LXD for anything, and what is in it is back with it.
    computer.lxd.lxc('restart', '--force', 'nested-outside-0', '--project', 'muster');
    const isBack = () =>
      exec('inside/0', 'cat', '/root/state').then(
        (said) => said === 'one\n',
        () => false,
      );
    await eventually('the inner container is back', isBack, 120_000);

    await computer.muster('down', 'nested', '--yes');
    expect(computer.containers()).toBe('');
  }, 580_000);
});
