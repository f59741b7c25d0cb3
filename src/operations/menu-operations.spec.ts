import { describe, expect, it } from 'vitest';
import type { Image } from '../images/index.js';
import type { Machine, MachineState } from '../machines/index.js';
import type { RunEntity } from '../pipeline/index.js';
import { MenuOperations } from './menu-operations.js';
import type { Operation } from './operations.service.js';

const KEY = 'ssh-ed25519 AAAA operator';
const image = (kind: Image['kind'], os: string, release: string) => ({ kind, os, release }) as Image;

function menuOf(state: MachineState, sshKeys: string[]) {
  const started: Operation[] = [];
  const start = (_id: string, operation: Operation) => {
    started.push(operation);
    return Promise.resolve({} as RunEntity);
  };
  const get = () => Promise.resolve({ id: 'm1', name: 'node-1', hostname: null, state } as Machine);
  const images = [image('os', 'debian', '12'), image('os', 'debian', '12'), image('memory', 'debian', '12')];
  const menu = new MenuOperations({ start }, { get }, { list: () => Promise.resolve(images) }, sshKeys);
  return { menu, started };
}

describe('the boot menu', () => {
  it('offers each installable image once, and what needs SSH only where a key is let in', async () => {
    const keys = async (sshKeys: string[]) => (await menuOf('ready', sshKeys).menu.choices()).map(({ key }) => key);
    expect(await keys([KEY])).toEqual(['commission', 'rescue', 'image:debian@12']);
    expect(await keys([])).toEqual(['commission']);
  });

  it('begins what was chosen', async () => {
    const { menu, started } = menuOf('ready', [KEY]);
    await menu.choose('m1', 'image:debian@12');
    expect(started).toMatchObject([
      { kind: 'deploy', wishes: { os: 'debian', release: '12', hostname: 'node-1', authorizedKeys: [KEY] } },
    ]);
  });

  it.each<[MachineState, string, RegExp]>([
    ['deployed', 'commission', /cannot commission node-1: it is deployed/],
    ['deployed', 'image:debian@12', /cannot deploy node-1: it is deployed/],
    ['acquired', 'rescue', /cannot rescue node-1: it is acquired/],
    ['ready', 'image:../../etc', /not offered/],
    ['ready', 'release', /not offered/],
  ])('of a machine that is %s refuses %s', async (state, choice, reason) => {
    const { menu, started } = menuOf(state, [KEY]);
    await expect(menu.choose('m1', choice)).rejects.toThrow(reason);
    expect(started).toEqual([]);
  });
});
