import { describe, expect, it } from 'vitest';
import { misfits, satisfies, type Fitting } from './constraint.js';
import { factsOf } from './testing/facts.js';

const machine: Fitting = {
  name: 'node-1',
  architecture: 'amd64',
  firmware: 'uefi',
  tags: ['ssd', 'gpu'],
  zone: 'rack-1',
  pool: 'default',
  facts: factsOf({ cores: 8, memoryMegabytes: 16_384, diskBytes: [500e9, 2000e9] }),
  subnets: [
    { name: 'rack1', space: 'admin' },
    { name: 'rack2', space: 'dmz' },
    { name: 'spare', space: null },
  ],
};

describe('a machine', () => {
  it.each([
    {},
    { arch: 'amd64', cores: 8, memoryMegabytes: 16_384 },
    { rootDiskMegabytes: 1_900_000, disks: 2, nics: 1 },
    { tags: ['ssd', '^slow'], zones: ['rack-2', 'rack-1'], pool: 'default', firmware: 'uefi' as const },
    { name: 'node-1' },
    { spaces: ['dmz', 'admin', '^db'] },
    { facts: [{ name: 'cpu.cores', operator: '>' as const, value: '7' }], linkSpeedMbps: 0 },
    { facts: [{ name: 'firmware.mode', operator: '=' as const, value: 'bios' }] },
  ])('fits %j', (constraint) => {
    expect(satisfies(machine, constraint)).toBe(true);
  });

  it.each([
    [{ arch: 'arm64' }, 'architecture is amd64, not arm64'],
    [{ cores: 9 }, 'cores 8 is less than 9'],
    [{ memoryMegabytes: 16_385 }, 'memory 16384 MiB is less than 16385 MiB'],
    [{ tags: ['^gpu'] }, 'has the tag gpu'],
    [{ tags: ['nvme'] }, 'lacks the tag nvme'],
    [{ zones: ['^rack-1'] }, 'zone rack-1 is not ^rack-1'],
    [{ spaces: ['dmz', '^admin'] }, 'is in the space admin'],
    [
      { spaces: ['db', 'dmz'] },
      'is not in the space db: its cards were seen in rack1 (space admin), rack2 (space dmz), spare (no space)',
    ],
    [{ disks: 3 }, 'number of disks 2 is less than 3'],
    [{ name: 'node-2' }, 'name is node-1, not node-2'],
    [{ gpu: 'A100' }, 'no gpu named A100 (it has none)'],
    [{ linkSpeedMbps: 1e6 }, /^fastest link \d+ Mbit\/s is less than 1000000 Mbit\/s$/],
    [
      {
        facts: [
          { name: 'cpu.cores', operator: '<' as const, value: '10' },
          { name: 'cpu.cores', operator: '<=' as const, value: '7' },
        ],
      },
      'facts.cpu.cores is 8, not <=7',
    ],
    [{ facts: [{ name: 'moon', operator: '=' as const, value: 'full' }] }, 'facts.moon is not known'],
  ])('does not fit %j: %s', (constraint, reason) => {
    expect(misfits(machine, constraint)).toEqual([typeof reason === 'string' ? reason : expect.stringMatching(reason)]);
  });

  it('that was never measured fits only where that is allowed for', () => {
    const unseen = { ...machine, facts: null };
    expect(misfits(unseen, { cores: 1 })).toEqual(['its cores is not known before it is commissioned']);
    expect(misfits(unseen, { cores: 1 }, true)).toEqual([]);
    const nowhere = { ...machine, subnets: [] };
    const reason = 'is not in the space dmz: its cards were seen in no subnet that muster knows';
    expect(misfits(nowhere, { spaces: ['dmz', '^db'] })).toEqual([reason]);
    expect(misfits(nowhere, { spaces: ['dmz', '^db'] }, true)).toEqual([]);
    expect(misfits(machine, { spaces: ['db'] }, true)).toHaveLength(1);
  });
});
