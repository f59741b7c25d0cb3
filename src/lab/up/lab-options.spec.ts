import { expect, it } from 'vitest';
import { machinesOf, readLabOptions } from './lab-options.js';

it('makes one BIOS and one UEFI machine by default', () => {
  expect(machinesOf(readLabOptions({})).map((each) => each.firmware)).toEqual(['bios', 'uefi']);
});

it('gives HTTP boot and Secure Boot to UEFI machines alone', () => {
  const machines = machinesOf(readLabOptions({ machines: '3', boot: 'http', secureBoot: true }));
  expect(machines).toEqual([
    { name: 'node-1', firmware: 'bios' },
    { name: 'node-2', firmware: 'uefi', boot: 'http', secureBoot: true },
    { name: 'node-3', firmware: 'bios' },
  ]);
});

it('names every wrong option at once', () => {
  expect(() => readLabOptions({ machines: 'many', firmware: 'coreboot' })).toThrow(
    expect.objectContaining({
      details: [expect.objectContaining({ at: '--machines' }), expect.objectContaining({ at: '--firmware' })],
    }),
  );
});

it('refuses HTTP boot for BIOS', () => {
  expect(() => readLabOptions({ firmware: 'bios', boot: 'http' })).toThrow(/BIOS has neither/);
});

it('builds machines as large as the bundle needs them, or as ordered', () => {
  const sizes = (given: Record<string, unknown>) =>
    machinesOf(readLabOptions({ machines: 1, ...given })).map((each) => [each.cores, each.memoryMegabytes, each.disks]);
  expect(sizes({})).toEqual([[undefined, undefined, undefined]]);
  expect(sizes({ bundle: 'kubernetes-core', memory: '8192' })).toEqual([
    [2, 8192, [{ bus: 'virtio', sizeGigabytes: 20 }]],
  ]);
});
