import { describe, expect, it } from 'vitest';
import { parseCondition } from './machine-condition.js';

const machine = {
  declared: true,
  architecture: 'amd64',
  pool: 'lab',
  macs: ['52:54:00:00:00:01', '0c:c4:7a:00:00:02'],
  tags: ['ssd'],
  facts: {
    memoryMegabytes: 2048,
    pci: [
      { vendor: '8086', class: '0200' },
      { vendor: '10de', class: '0300' },
    ],
  },
};

describe('a condition', () => {
  it.each([
    'any',
    'declared',
    'architecture=amd64',
    'facts.memoryMegabytes >= 2048 and facts.memoryMegabytes < 4096',
    'facts.pci any vendor=10de',
    'macs ^= 52:54:00',
    'pool != default',
    'tags = ssd and pool = lab',
  ])('holds: %s', (text) => {
    expect(parseCondition(text)(machine)).toBe(true);
  });

  it.each([
    'facts.gpu',
    'facts.gpu = yes',
    'facts.memoryMegabytes > 2048',
    'facts.pci any vendor=1002',
    'architecture=amd64 and pool=default',
    'macs != 52:54:00:00:00:01',
    'constructor.name = Object',
  ])('does not hold: %s', (text) => {
    expect(parseCondition(text)(machine)).toBe(false);
  });

  it.each(['', 'a b', '= x', 'pool =', 'facts.pci any', 'x'.repeat(2000)])('is refused: %s', (text) => {
    expect(() => parseCondition(text)).toThrow(/cannot read/);
  });
});
