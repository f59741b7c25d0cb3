import { createHash } from 'node:crypto';

/** A machine that is there on the wire alone. */
export interface SimulatedMachine {
  /** Counted from 0. */
  index: number;
  /** Lower case with colons, locally administered. */
  mac: string;
  /** Lower case with dashes. */
  uuid: string;
  name: string;
}

/** Three bytes of a MAC are left to count with. */
export const MOST_MACHINES = 60_000;

/** The same machine for the same index, every time. */
export function simulatedMachine(index: number): SimulatedMachine {
  const digits = index.toString(16).padStart(6, '0');
  // 4d 55: "MU". The second lowest bit of the first byte says that nobody was sold this address (IEEE 802, 8.2).
  const mac = `02:4d:55:${digits.replace(/(..)(..)(..)/, '$1:$2:$3')}`;
  const hash = createHash('sha256').update(`muster swarm ${index}`).digest('hex');
  const uuid = hash.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return { index, mac, uuid, name: `swarm-${index}` };
}

/** What its agent finds, as the agent posts it. */
export function factsOf(machine: SimulatedMachine): Record<string, unknown> {
  return {
    architecture: 'amd64',
    cpu: { model: 'Simulated', sockets: 1, cores: 8, threads: 16, flags: ['lm', 'aes'] },
    memoryMegabytes: 65_536,
    numaNodes: 1,
    disks: [
      {
        name: 'nvme0n1',
        serial: `S-${machine.index}`,
        wwn: null,
        model: 'Simulated disk',
        sizeBytes: 960_197_124_096,
        rotational: false,
        bus: 'nvme',
      },
    ],
    nics: [
      { name: 'eth0', mac: machine.mac, driver: 'simulated', speedMbps: 25_000, link: true, boot: true, lldp: null },
    ],
    pci: [],
    usb: [],
    firmware: { mode: 'bios', vendor: 'muster', version: '1', date: null, secureBoot: null },
    system: { vendor: 'muster', product: 'Swarm', serial: String(machine.index), uuid: machine.uuid },
    bmc: null,
    tpm: null,
    virtualization: null,
    kernel: 'simulated',
  };
}
