import { factMisfits, flattenFacts, type FactConstraint } from './fact-constraints.js';
import type { MachineFacts } from './facts.js';

/** What a machine must offer. Absent: anything goes. */
export interface MachineConstraint {
  arch?: string;
  cores?: number;
  memoryMegabytes?: number;
  /** The size of the disk that the system would go to: the largest. */
  rootDiskMegabytes?: number;
  /** All of them; `^tag`: not this one. */
  tags?: string[];
  /** One of them; `^zone`: not this one. */
  zones?: string[];
  pool?: string;
  /** It is in all of them; `^space`: not in this one. */
  spaces?: string[];
  firmware?: 'bios' | 'uefi';
  /** At least this many. */
  disks?: number;
  nics?: number;
  /** Of its fastest card, as it linked when it was commissioned. */
  linkSpeedMbps?: number;
  /** Part of what a display or accelerator on its PCI bus calls itself. */
  gpu?: string;
  facts?: FactConstraint[];
  /** This machine and no other, by name. */
  name?: string;
}

/** As much of a machine as decides whether it fits. */
export interface Fitting {
  name: string;
  architecture: string | null;
  firmware: string | null;
  tags: readonly string[];
  zone: string;
  pool: string;
  facts: MachineFacts | null;
  /** Where its cards are, as far as is recorded. */
  subnets: readonly SeenSubnet[];
}

export interface SeenSubnet {
  name: string;
  space: string | null;
}

const MEBIBYTE = 1024 * 1024;

/**
 * Why a machine does not fit, in words; empty where it does. A machine without facts does not fit what asks for them
 * unless `unknownFits` (it is to be commissioned first, and asked again).
 */
export function misfits(machine: Fitting, wanted: MachineConstraint, unknownFits = false): string[] {
  const reasons: string[] = [];
  const atLeast = (what: string, minimum: number | undefined, found: number | undefined, unit = '') => {
    if (minimum === undefined) return;
    if (found === undefined) {
      if (!unknownFits) reasons.push(`its ${what} is not known before it is commissioned`);
    } else if (found < minimum) reasons.push(`${what} ${found}${unit} is less than ${minimum}${unit}`);
  };
  const equals = (what: string, value: string | undefined, found: string | null) => {
    if (value === undefined || found === value || (found === null && unknownFits)) return;
    reasons.push(`${what} is ${found ?? 'not known'}, not ${value}`);
  };
  const { facts } = machine;
  equals('name', wanted.name, machine.name);
  equals('architecture', wanted.arch, machine.architecture);
  equals('firmware', wanted.firmware, machine.firmware);
  equals('pool', wanted.pool, machine.pool);
  atLeast('cores', wanted.cores, facts?.cpu.cores);
  atLeast('memory', wanted.memoryMegabytes, facts?.memoryMegabytes, ' MiB');
  atLeast('largest disk', wanted.rootDiskMegabytes, facts === null ? undefined : largestDisk(facts), ' MiB');
  atLeast('number of disks', wanted.disks, facts?.disks.length);
  atLeast('number of network cards', wanted.nics, facts?.nics.length);
  atLeast('fastest link', wanted.linkSpeedMbps, facts === null ? undefined : fastestLink(facts), ' Mbit/s');
  reasons.push(...gpuMisfits(facts, wanted.gpu, unknownFits));
  if (facts !== null || !unknownFits) reasons.push(...factMisfits(flattenFacts(facts), wanted.facts ?? []));
  reasons.push(...tagMisfits(machine.tags, wanted.tags ?? []), ...zoneMisfits(machine.zone, wanted.zones ?? []));
  return [...reasons, ...spaceMisfits(machine.subnets, wanted.spaces ?? [], unknownFits)];
}

export function satisfies(machine: Fitting, wanted: MachineConstraint): boolean {
  return misfits(machine, wanted).length === 0;
}

function largestDisk(facts: MachineFacts): number {
  return Math.floor(Math.max(0, ...facts.disks.map((disk) => disk.sizeBytes)) / MEBIBYTE);
}

function fastestLink(facts: MachineFacts): number {
  return Math.max(0, ...facts.nics.map((nic) => nic.speedMbps ?? 0));
}

/** PCI classes 03 and 12 (PCI Code and ID Assignment, 1.1). */
function gpuMisfits(facts: MachineFacts | null, wanted: string | undefined, unknownFits: boolean): string[] {
  if (wanted === undefined || (facts === null && unknownFits)) return [];
  if (facts === null) return ['its devices are not known before it is commissioned'];
  const names = facts.pci
    .filter((device) => /^(0x)?(03|12)|display|vga|3d controller|accelerator/i.test(device.class ?? ''))
    .map(({ vendor, device }) => `${vendor ?? ''} ${device ?? ''}`.trim());
  const fits = names.some((name) => name.toLowerCase().includes(wanted.toLowerCase()));
  return fits ? [] : [`no gpu named ${wanted} (it has ${names.join(', ') || 'none'})`];
}

function tagMisfits(tags: readonly string[], wanted: readonly string[]): string[] {
  return wanted.flatMap((tag) => {
    if (tag.startsWith('^')) return tags.includes(tag.slice(1)) ? [`has the tag ${tag.slice(1)}`] : [];
    return tags.includes(tag) ? [] : [`lacks the tag ${tag}`];
  });
}

function zoneMisfits(zone: string, wanted: readonly string[]): string[] {
  const allowed = wanted.filter((name) => !name.startsWith('^'));
  const fits = !wanted.includes(`^${zone}`) && (allowed.length === 0 || allowed.includes(zone));
  return fits ? [] : [`zone ${zone} is not ${wanted.join(' or ')}`];
}

function spaceMisfits(subnets: readonly SeenSubnet[], wanted: readonly string[], unknownFits: boolean): string[] {
  const spaces = new Set(subnets.map(({ space }) => space));
  const unwanted = wanted.filter((name) => name.startsWith('^') && spaces.has(name.slice(1)));
  const missing = wanted.filter((name) => !name.startsWith('^') && !spaces.has(name));
  const reasons = unwanted.map((name) => `is in the space ${name.slice(1)}`);
  if (missing.length === 0 || (subnets.length === 0 && unknownFits)) return reasons;
  const seen = subnets.map(({ name, space }) => `${name} (${space === null ? 'no space' : `space ${space}`})`);
  const where = seen.length === 0 ? 'no subnet that muster knows' : seen.join(', ');
  return [...reasons, `is not in the space ${missing.join(', ')}: its cards were seen in ${where}`];
}
