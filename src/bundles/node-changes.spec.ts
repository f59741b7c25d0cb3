import { execFile } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parseOutputFile } from '../pipeline/node/output-file.js';
import { SCRIPT_TOOLS } from '../pipeline/node/script-tools.js';

const SCRIPT = join(import.meta.dirname, '../../bundles/roles/os/changes.sh');

/** A node's files, with programs that say what it has. */
let root: string;
let programs: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'muster-node-'));
  programs = mkdtempSync(join(tmpdir(), 'muster-programs-'));
  program('muster-publish', SCRIPT_TOOLS['muster-publish']!);
  program('dpkg-query', `#!/bin/sh\ncat ${root}/packages\n`);
  program('systemctl', `#!/bin/sh\n[ "$1" != show ] || cat ${root}/services\n`);
  for (const folder of ['usr/local', 'opt', 'run/systemd/system']) mkdirSync(join(root, folder), { recursive: true });
  put('etc/thing.conf', 'port 1\n');
  put('etc/a file\nof two lines\\', '');
  put('root/.kube/config', '');
  symlinkSync('/proc/mounts', join(root, 'etc/mtab'));
  symlinkSync('thing.conf', join(root, 'etc/link'));
  packages({ foo: '1.1', gone: '1' });
  services({ 'thing.service': 'a1', 'once.service': '' });
  links({ lo: 1, eth0: 2, 'fan-250': 3, vethab12: 4 });
});
afterEach(() => {
  for (const folder of [root, programs]) rmSync(folder, { recursive: true, force: true });
});

function program(name: string, text: string): void {
  writeFileSync(join(programs, name), text);
  chmodSync(join(programs, name), 0o755);
}

function put(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function packages(versions: Record<string, string>): void {
  const lines = Object.entries(versions).map(([name, version]) => `installed\t${name}\t${version}\n`);
  put('packages', `${lines.join('')}config-files\told\t1\n`);
}

/** Enabled ones, by the id of their start; `''`: it does not run. */
function services(starts: Record<string, string>): void {
  const told = Object.entries(starts).map(([name, id]) => [
    ...[`Id=${name}`, `ActiveState=${id === '' ? 'inactive' : 'active'}`, 'UnitFileState=enabled'],
    `InvocationID=${id}\n`,
  ]);
  const other = ['Id=other.service', 'ActiveState=active', 'UnitFileState=static', `InvocationID=${Math.random()}\n`];
  put('services', [...told, other].map((lines) => lines.join('\n')).join('\n'));
}

function links(indexes: Record<string, number>): void {
  rmSync(join(root, 'sys'), { recursive: true, force: true });
  for (const [name, index] of Object.entries(indexes)) put(`sys/class/net/${name}/ifindex`, `${index}\n`);
}

async function look(): Promise<string[]> {
  const output = join(programs, 'output');
  writeFileSync(output, '');
  const env = { PATH: `${programs}:${process.env.PATH}`, MUSTER_OUTPUT: output, MUSTER_LOOK_ROOT: root };
  await promisify(execFile)('bash', [SCRIPT], { env });
  return parseOutputFile(readFileSync(output)).outputs.changes!.split('\n').filter(Boolean);
}

it('nothing has changed since the first look, where nothing was done', async () => {
  expect(await look()).toEqual([]);
  expect(statSync(join(root, 'var/lib/muster/changes.seen')).mode & 0o777).toBe(0o600);
  expect(await look()).toEqual([]);
});

it('a file that was written again as it was has not changed, nor what changes as soon as one looks', async () => {
  await look();
  put('etc/thing.conf.new', 'port 1\n');
  renameSync(join(root, 'etc/thing.conf.new'), join(root, 'etc/thing.conf'));
  for (const path of ['root/.cache/x', 'root/.bash_history', 'root/.kube/cache/x']) put(path, path);
  unlinkSync(join(root, 'etc/mtab'));
  services({ 'thing.service': 'a1', 'once.service': '' });
  links({ lo: 1, eth0: 2, 'fan-250': 3, veth99: 9 });
  expect(await look()).toEqual([]);
});

it('files, links and folders are told by what is different in them', async () => {
  put('opt/gone-f\u0151', '');
  put('usr/local/bin/tool', '');
  await look();
  put('etc/thing.conf', 'port 2\n');
  chmodSync(join(root, 'usr/local/bin/tool'), 0o755);
  chmodSync(join(root, 'usr/local/bin'), 0o700);
  unlinkSync(join(root, 'etc/link'));
  symlinkSync('/dev/null', join(root, 'etc/link'));
  unlinkSync(join(root, 'opt/gone-f\u0151'));
  put('etc/other.conf', 'port 2\n');
  unlinkSync(join(root, 'root/.kube/config'));
  symlinkSync('/nowhere', join(root, 'root/.kube/config'));
  put('etc/a file\nof two lines\\', 'x');
  expect(await look()).toEqual([
    '/etc/a file?of two lines\\: content',
    '/etc/link: target thing.conf -> /dev/null',
    '/etc/other.conf: new',
    '/etc/thing.conf: content',
    // What is published is text that any terminal takes.
    '/opt/gone-f??: gone',
    '/root/.kube/config: kind f -> l',
    '/usr/local/bin/tool: mode 644 -> 755',
    '/usr/local/bin: mode 755 -> 700',
  ]);
  expect(await look()).toEqual([]);
});

it('packages, services and network links too', async () => {
  await look();
  packages({ foo: '1.10', bar: '2' });
  services({ 'thing.service': 'a2', 'once.service': 'b1' });
  links({ lo: 1, eth0: 2, 'fan-250': 7, cni0: 8 });
  expect(await look()).toEqual([
    'link cni0: new',
    'link fan-250: made anew',
    'once.service: started',
    'package bar: new',
    'package foo: 1.1 -> 1.10',
    'package gone: gone',
    'thing.service: restarted',
  ]);
  services({ 'once.service': 'b1' });
  expect(await look()).toEqual(['thing.service: stopped']);
});

it('no more than a hundred lines are told', async () => {
  await look();
  for (let number = 0; number < 150; number += 1) put(`etc/many/${String(number).padStart(3, '0')}`, '');
  const changes = await look();
  expect(changes).toHaveLength(100);
  expect(changes.at(0)).toBe('/etc/many/000: new');
  expect(changes.at(-1)).toBe('and 52 more');
});

it('a node without systemd is looked at as well', async () => {
  rmSync(join(root, 'run'), { recursive: true });
  await look();
  services({ 'thing.service': 'a2' });
  put('etc/thing.conf', 'port 2\n');
  expect(await look()).toEqual(['/etc/thing.conf: content']);
});
