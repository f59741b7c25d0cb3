import { describe, expect, it } from 'vitest';
import { factsOf, MOST_MACHINES, simulatedMachine } from './simulated-machine.js';

describe('a simulated machine', () => {
  it('is the same every time', () => {
    expect(simulatedMachine(258)).toEqual(simulatedMachine(258));
    expect(simulatedMachine(258).mac).toBe('02:4d:55:00:01:02');
    expect(simulatedMachine(258).uuid).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });

  it('is like no other', () => {
    const machines = Array.from({ length: MOST_MACHINES }, (_, index) => simulatedMachine(index));
    expect(new Set(machines.map((machine) => machine.mac)).size).toBe(MOST_MACHINES);
    expect(new Set(machines.map((machine) => machine.uuid)).size).toBe(MOST_MACHINES);
  });

  it('finds its own network card and UUID', () => {
    const machine = simulatedMachine(3);
    expect(factsOf(machine)).toMatchObject({ nics: [{ mac: machine.mac }], system: { uuid: machine.uuid } });
  });
});
