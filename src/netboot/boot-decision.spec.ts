import { describe, expect, it } from 'vitest';
import { MACHINE_STATES, type MachineState } from '../machines/index.js';
import { type BootMachine, decideBoot } from './boot-decision.js';

const policy = { unknownMachines: 'enlist' } as const;
const machineIn = (state: MachineState, more: Partial<BootMachine> = {}): BootMachine => ({
  id: 'id-1',
  name: 'node-1',
  state,
  uuid: null,
  macs: ['52:54:00:00:00:01'],
  menu: false,
  target: null,
  installed: false,
  everDeployed: false,
  windowUntil: null,
  ...more,
});
const decide = (state: MachineState, more: Partial<BootMachine> = {}) => {
  const decision = decideBoot({ kind: 'known', machine: machineIn(state, more) }, policy);
  return decision.kind === 'memory' ? `memory: ${decision.purpose}` : decision.kind;
};

describe('what a machine boots', () => {
  it.each<[MachineState, string]>([
    ['declared', 'memory: enlist'],
    ['new', 'memory: enlist'],
    ['commissioning', 'memory: commission'],
    ['testing', 'memory: test'],
    ['rescue', 'memory: rescue'],
    ['erasing', 'memory: erase'],
    ['deploying', 'memory: deploy'],
    ['deployed', 'local-disk'],
    ['releasing', 'power-off'],
    ['retired', 'power-off'],
    ['ready', 'power-off'],
    ['acquired', 'power-off'],
    ['broken', 'power-off'],
  ])('%s: %s', (state, expected) => {
    expect(decide(state)).toBe(expected);
  });

  it('covers every state', () => {
    for (const state of MACHINE_STATES) expect(decide(state)).toBeTruthy();
  });

  it('goes to its disk as soon as the image is there', () => {
    expect(decide('deploying', { installed: true, target: 'disk' })).toBe('local-disk');
  });

  it('gets its image again when it lives in memory', () => {
    expect(decide('deploying', { target: 'ram' })).toBe('memory: ram');
    expect(decide('deployed', { target: 'ram' })).toBe('memory: ram');
  });

  it('shows the menu where that is wished, but not in the middle of an operation', () => {
    expect(decide('ready', { menu: true })).toBe('menu');
    expect(decide('deployed', { menu: true })).toBe('menu');
    expect(decide('commissioning', { menu: true })).toBe('memory: commission');
  });
});

describe('a machine that nobody knows', () => {
  it.each([
    ['enlist', { kind: 'memory', purpose: 'enlist', machineId: null, reason: 'unknown machine' }],
    ['menu', { kind: 'menu', machineId: null, reason: 'unknown machine' }],
    ['ignore', { kind: 'nothing', reason: 'unknown machine' }],
  ] as const)('%s', (unknownMachines, decision) => {
    expect(decideBoot({ kind: 'unknown' }, { unknownMachines })).toEqual(decision);
  });
});

describe('when the state cannot be read', () => {
  it('a machine that was ever deployed goes to its disk, also in the middle of an install', () => {
    for (const state of MACHINE_STATES)
      expect(decideBoot({ kind: 'stale', machine: machineIn(state, { everDeployed: true }) }, policy).kind).toBe(
        'local-disk',
      );
  });

  it('all others get nothing', () => {
    for (const state of MACHINE_STATES)
      expect(decideBoot({ kind: 'stale', machine: machineIn(state) }, policy).kind).toBe('nothing');
    expect(decideBoot({ kind: 'stale', machine: null }, policy).kind).toBe('nothing');
  });
});

it('a machine whose MAC and UUID are two machines gets nothing', () => {
  expect(decideBoot({ kind: 'conflict', machine: machineIn('deploying') }, policy).kind).toBe('nothing');
});
