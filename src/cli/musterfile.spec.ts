import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { headlessCommand, readMusterfile, settingsOf } from './musterfile.js';

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'muster-file-'));
  path = join(folder, 'Musterfile');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a Musterfile', () => {
  it('says what `muster up` is to do', () => {
    writeFileSync(
      path,
      'bundle: ./b\non: localhost\nname: prod\nset: {etcd.port: 2381, a.b: "x=y"}\noverlays: [o.yaml]\n',
    );
    expect(readMusterfile(path)).toEqual({
      ...{ bundle: './b', on: 'localhost', name: 'prod' },
      ...{ set: [], literal: ['etcd.port=2381', 'a.b=x=y'], overlay: ['o.yaml'] },
    });
  });

  it('need not be there, and is refused where it is wrong', () => {
    expect(readMusterfile(path)).toBeNull();
    writeFileSync(path, 'bundle: x\nbundel: y\n');
    expect(() => readMusterfile(path)).toThrow(/cannot use .*bundel/);
    writeFileSync(path, 'on: metal\n');
    expect(() => readMusterfile(path)).toThrow(/cannot use .*bundle/);
    writeFileSync(path, 'bundle: [\n');
    expect(() => readMusterfile(path)).toThrow(/cannot read/);
  });
});

it('settings are application.option=value', () => {
  expect(settingsOf(['etcd.port=1', 'a.b.c=x=\ny'])).toEqual([
    { application: 'etcd', option: 'port', value: '1' },
    { application: 'a', option: 'b.c', value: 'x=\ny' },
  ]);
  for (const wrong of ['etcd', 'etcd.port', 'port=1', '.x=1', 'a.=1'])
    expect(() => settingsOf([wrong])).toThrow(`cannot read the setting "${wrong}"`);
});

it('the headless command is one that a shell reads back as it was meant', () => {
  const set = [`a.b=it's "$(id)" \`x\``, 'c.d=1'];
  const said = { bundle: './my bundle', on: 'localhost', name: 'n', overlay: ['o.yaml'], set, literal: ['e.f=@daily'] };
  const command = headlessCommand(said, { base: 'debian@12', replace: ['a b', 'c'], layout: undefined });
  const words = execFileSync('sh', ['-c', `for word in ${command}; do printf '%s\\0' "$word"; done`], {
    encoding: 'utf8',
  });
  expect(words.split('\0').slice(0, -1)).toEqual([
    ...['muster', 'up', './my bundle', '--on', 'localhost', '--name', 'n', '--overlay', 'o.yaml'],
    ...[
      '--set',
      set[0],
      '--set',
      'c.d=1',
      '--set',
      'e.f=@@daily',
      '--base',
      'debian@12',
      '--replace',
      'a b',
      '--replace',
      'c',
      '--yes',
    ],
  ]);
});
