import type { BootPurpose, DeployTarget, MachineState } from '../machines/index.js';

/** As much of a machine as decides how it boots. */
export interface BootMachine {
  id: string;
  name: string;
  state: MachineState;
  uuid: string | null;
  macs: readonly string[];
  menu: boolean;
  target: DeployTarget | null;
  /** Its image is on the disk. */
  installed: boolean;
  everDeployed: boolean;
  /** A boot that begins before this was begun by muster. */
  windowUntil: Date | null;
}

/** What is known of whoever asks. */
export type BootView =
  | { kind: 'known'; machine: BootMachine }
  | { kind: 'unknown' }
  /** Its MAC is one machine's and its UUID another's: a question for the operator. */
  | { kind: 'conflict'; machine: BootMachine }
  /** The state cannot be read just now; what is remembered of the machine may be old. */
  | { kind: 'stale'; machine: BootMachine | null };

export interface BootPolicy {
  /** What a machine that nobody knows is given. */
  unknownMachines: 'enlist' | 'menu' | 'ignore';
}

export type BootDecision =
  | { kind: 'memory'; purpose: BootPurpose; machineId: string | null; reason: string }
  | { kind: 'local-disk'; reason: string }
  | { kind: 'menu'; machineId: string | null; reason: string }
  | { kind: 'power-off'; reason: string }
  | { kind: 'nothing'; reason: string };

/** Working states that need the memory environment, and for what. */
const PURPOSES: Partial<Record<MachineState, BootPurpose>> = {
  declared: 'enlist',
  new: 'enlist',
  commissioning: 'commission',
  testing: 'test',
  rescue: 'rescue',
  erasing: 'erase',
};

/** What a client is to boot. Pure: DHCP, TFTP and HTTP ask it alike, and so cannot disagree. */
export function decideBoot(view: BootView, policy: BootPolicy): BootDecision {
  switch (view.kind) {
    case 'stale':
      return decideStale(view.machine);
    case 'conflict':
      return { kind: 'nothing', reason: `its MAC is ${view.machine.name}'s, its UUID is not` };
    case 'unknown':
      return decideUnknown(policy);
    case 'known':
      return decideKnown(view.machine);
  }
}

/** Never an install, never a power-off on what may be long past. */
function decideStale(machine: BootMachine | null): BootDecision {
  if (machine?.everDeployed === true)
    return { kind: 'local-disk', reason: 'state cannot be read; it was deployed once' };
  return { kind: 'nothing', reason: 'state cannot be read' };
}

function decideUnknown({ unknownMachines }: BootPolicy): BootDecision {
  const reason = 'unknown machine';
  if (unknownMachines === 'ignore') return { kind: 'nothing', reason };
  if (unknownMachines === 'menu') return { kind: 'menu', machineId: null, reason };
  return { kind: 'memory', purpose: 'enlist', machineId: null, reason };
}

function decideKnown(machine: BootMachine): BootDecision {
  const reason = `${machine.name} is ${machine.state}`;
  const purpose = PURPOSES[machine.state] ?? deployPurpose(machine);
  if (purpose !== null) return { kind: 'memory', purpose, machineId: machine.id, reason };
  if (machine.menu) return { kind: 'menu', machineId: machine.id, reason };
  if (machine.state === 'deploying' || machine.state === 'deployed') return { kind: 'local-disk', reason };
  return { kind: 'power-off', reason };
}

/** Null: nothing to be done in memory. */
function deployPurpose(machine: BootMachine): BootPurpose | null {
  if (machine.state !== 'deploying' && machine.state !== 'deployed') return null;
  if (machine.target === 'ram') return 'ram';
  return machine.state === 'deploying' && !machine.installed ? 'deploy' : null;
}
