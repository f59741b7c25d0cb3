import type { AddressRange, Ipv4, Prefix } from '../protocol/ipv4/index.js';

/** Whether muster gives addresses here, stands beside another DHCP server, or keeps silent. */
export type SubnetMode = 'serve' | 'proxy' | 'off';
export const SUBNET_MODES: readonly SubnetMode[] = ['serve', 'proxy', 'off'];

/** What a machine that nobody knows is answered. */
export type UnknownMachines = 'enlist' | 'menu' | 'ignore';
export const UNKNOWN_MACHINES: readonly UnknownMachines[] = ['enlist', 'menu', 'ignore'];

/** A DHCP option that an operator adds to every reply. */
export interface SubnetOption {
  code: number;
  value: Buffer;
}

/** A subnet as the packet path sees it: parsed, in memory. */
export interface Subnet {
  id: string;
  name: string;
  prefix: Prefix;
  gateway: Ipv4 | null;
  dns: Ipv4[];
  mode: SubnetMode;
  /** Where addresses are taken from. */
  dynamicRanges: AddressRange[];
  /** Kept out of the dynamic ranges; reservations may be made here. */
  reservedRanges: AddressRange[];
  vlan: number | null;
  leaseSeconds: number;
  space: string | null;
  unknownMachines: UnknownMachines;
  options: SubnetOption[];
}

/** One address, kept for one client. Exactly one of `mac` and `clientId` is set. */
export interface Reservation {
  id: string;
  subnetId: string;
  /** Lower case with colons. */
  mac: string | null;
  /** Option 61 in hex. */
  clientId: string | null;
  address: Ipv4;
  hostname: string | null;
}
