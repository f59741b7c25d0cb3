import type { ErrorDetail } from '../error.js';
import {
  findAddress,
  findPrefix,
  formatAddress,
  formatPrefix,
  formatRange,
  isHostAddress,
  parseRange,
  prefixesOverlap,
  rangesOverlap,
  type AddressRange,
  type Ipv4,
  type Prefix,
} from '../protocol/ipv4/index.js';
import { messageOf } from '../error.js';
import { SUBNET_MODES, UNKNOWN_MACHINES, type Subnet, type SubnetMode, type UnknownMachines } from './subnet.js';

/** A subnet as an operator writes it. */
export interface SubnetInput {
  name: string;
  /** `10.0.0.0/24`. */
  cidr: string;
  gateway?: string | null;
  dns?: string[];
  /** `off` by default: a DHCP server answers only where it was told to. */
  mode?: SubnetMode;
  /** `10.0.0.10-10.0.0.99` each. */
  dynamicRanges?: string[];
  reservedRanges?: string[];
  vlan?: number | null;
  /** 3600 by default. */
  leaseSeconds?: number;
  space?: string | null;
  /** `enlist` by default. */
  unknownMachines?: UnknownMachines;
  options?: { code: number; hex: string }[];
}

const NAME = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const SHORTEST_LEASE_SECONDS = 60;
const LONGEST_LEASE_SECONDS = 30 * 24 * 3600;
/** Options that the server itself fills in: an operator's would break the protocol. */
const OWN_OPTIONS: readonly number[] = [0, 50, 51, 52, 53, 54, 55, 57, 58, 59, 61, 82, 93, 94, 97, 255];

/** Everything that is wrong with a subnet, beside the others. Empty: nothing. */
export function problemsOf(input: SubnetInput, others: readonly { name: string; cidr: string }[]): ErrorDetail[] {
  const problems = new Problems();
  if (!NAME.test(input.name)) {
    problems.add('name', `"${input.name}" is no name: small letters, digits and dashes, 63 at most`);
  }
  if (others.some((other) => other.name === input.name)) problems.add('name', `"${input.name}" is taken`);
  const prefix = findPrefix(input.cidr);
  if (prefix === null) problems.add('cidr', `"${input.cidr}" is no IPv4 network, such as 10.0.0.0/24`);
  else checkNetwork(problems, prefix, others);
  checkValues(problems, input);
  const gateway = readAddress(problems, 'gateway', input.gateway);
  for (const [index, server] of (input.dns ?? []).entries()) readAddress(problems, `dns[${index}]`, server);
  const dynamic = readRanges(problems, 'dynamicRanges', input.dynamicRanges);
  const reserved = readRanges(problems, 'reservedRanges', input.reservedRanges);
  if (prefix !== null) {
    checkGateway(problems, prefix, gateway);
    checkInside(problems, prefix, [...dynamic, ...reserved]);
  }
  checkOverlaps(problems, dynamic);
  checkOverlaps(problems, reserved);
  if (input.mode === 'serve' && dynamic.length === 0 && (input.dynamicRanges ?? []).length === 0) {
    problems.add('dynamicRanges', 'a subnet that is served needs a range to take addresses from');
  }
  return problems.all;
}

class Problems {
  readonly all: ErrorDetail[] = [];

  add(at: string, message: string): void {
    this.all.push({ at, message });
  }
}

interface PlacedRange extends AddressRange {
  at: string;
}

function checkNetwork(problems: Problems, prefix: Prefix, others: readonly { name: string; cidr: string }[]): void {
  if (prefix.length < 8 || prefix.length > 30) {
    problems.add('cidr', `a /${prefix.length} cannot be a subnet: /8 to /30`);
  }
  for (const other of others) {
    const theirs = findPrefix(other.cidr);
    if (theirs !== null && prefixesOverlap(prefix, theirs)) {
      problems.add('cidr', `${formatPrefix(prefix)} overlaps ${other.cidr} (${other.name})`);
    }
  }
}

function checkValues(problems: Problems, input: SubnetInput): void {
  const { vlan, leaseSeconds = 3600, mode = 'off', unknownMachines = 'enlist', space = null } = input;
  if (space !== null && !NAME.test(space)) {
    problems.add('space', `"${space}" is no name: small letters, digits and dashes, 63 at most`);
  }
  if (!SUBNET_MODES.includes(mode)) problems.add('mode', `"${mode}" is none of ${SUBNET_MODES.join(', ')}`);
  if (!UNKNOWN_MACHINES.includes(unknownMachines)) {
    problems.add('unknownMachines', `"${unknownMachines}" is none of ${UNKNOWN_MACHINES.join(', ')}`);
  }
  if (vlan !== undefined && vlan !== null && !isWithin(vlan, 0, 4094)) {
    problems.add('vlan', `${vlan} is no VLAN: 0 (untagged) to 4094`);
  }
  if (!isWithin(leaseSeconds, SHORTEST_LEASE_SECONDS, LONGEST_LEASE_SECONDS)) {
    problems.add(
      'leaseSeconds',
      `${leaseSeconds} is no lease time: ${SHORTEST_LEASE_SECONDS} to ${LONGEST_LEASE_SECONDS} seconds`,
    );
  }
  for (const [index, option] of (input.options ?? []).entries()) {
    const at = `options[${index}]`;
    if (!isWithin(option.code, 1, 254)) problems.add(at, `${option.code} is no option: 1 to 254`);
    else if (OWN_OPTIONS.includes(option.code)) problems.add(at, `option ${option.code} is the server's own`);
    if (!/^([\da-f]{2}){1,255}$/i.test(option.hex)) problems.add(at, 'the value must be 1 to 255 bytes in hex');
  }
}

function isWithin(value: number, least: number, most: number): boolean {
  return Number.isInteger(value) && least <= value && value <= most;
}

function readAddress(problems: Problems, at: string, text: string | null | undefined): Ipv4 | null {
  if (text === null || text === undefined) return null;
  const address = findAddress(text);
  if (address === null) problems.add(at, `"${text}" is no IPv4 address`);
  return address;
}

function readRanges(problems: Problems, field: string, texts: readonly string[] = []): PlacedRange[] {
  return texts.flatMap((text, index) => {
    const at = `${field}[${index}]`;
    try {
      return [{ at, ...parseRange(text) }];
    } catch (error) {
      problems.add(at, messageOf(error));
      return [];
    }
  });
}

function checkGateway(problems: Problems, prefix: Prefix, gateway: Ipv4 | null): void {
  if (gateway !== null && !isHostAddress(prefix, gateway)) {
    problems.add('gateway', `${formatAddress(gateway)} is no host's address in ${formatPrefix(prefix)}`);
  }
}

function checkInside(problems: Problems, prefix: Prefix, ranges: readonly PlacedRange[]): void {
  for (const range of ranges) {
    if (isHostAddress(prefix, range.first) && isHostAddress(prefix, range.last)) continue;
    problems.add(range.at, `${formatRange(range)} is not within the hosts of ${formatPrefix(prefix)}`);
  }
}

function checkOverlaps(problems: Problems, ranges: readonly PlacedRange[]): void {
  for (const [index, range] of ranges.entries()) {
    for (const before of ranges.slice(0, index)) {
      if (rangesOverlap(range, before)) problems.add(range.at, `${formatRange(range)} overlaps ${formatRange(before)}`);
    }
  }
}

/** What is wrong with a reservation in its subnet. */
export function reservationProblems(
  input: { mac: string | null; clientId: string | null; address: string },
  subnet: Subnet,
): ErrorDetail[] {
  const problems = new Problems();
  if ((input.mac === null) === (input.clientId === null)) {
    problems.add('mac', 'give either a MAC or a client identifier');
  }
  if (input.mac !== null && !/^[\da-f]{2}(:[\da-f]{2}){5}$/.test(input.mac)) {
    problems.add('mac', `"${input.mac}" is no MAC, such as 52:54:00:00:00:01`);
  }
  if (input.clientId !== null && !/^([\da-f]{2}){2,255}$/.test(input.clientId)) {
    problems.add('clientId', `"${input.clientId}" is no client identifier: two bytes or more in hex`);
  }
  const address = readAddress(problems, 'address', input.address);
  if (address !== null && !isHostAddress(subnet.prefix, address)) {
    problems.add('address', `${input.address} is no host's address in ${formatPrefix(subnet.prefix)}`);
  } else if (address !== null && address === subnet.gateway) {
    problems.add('address', `${input.address} is the gateway`);
  }
  return problems.all;
}
