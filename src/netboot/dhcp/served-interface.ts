import { networkInterfaces } from 'node:os';
import { findInterfaceAddress, prefixContains, type Ipv4, type Prefix } from '../../protocol/ipv4/index.js';

/** One of this computer's interfaces and what addresses it has. */
export interface ServedInterface {
  name: string;
  addresses: { address: Ipv4; prefix: Prefix }[];
}

/** Interfaces with IPv4 addresses, other than loopback. */
export function readInterfaces(): ServedInterface[] {
  return Object.entries(networkInterfaces()).flatMap(([name, entries = []]) => {
    const addresses = entries.flatMap((entry) =>
      entry.family === 'IPv4' && !entry.internal && entry.cidr !== null ? (findInterfaceAddress(entry.cidr) ?? []) : [],
    );
    return addresses.length === 0 ? [] : [{ name, addresses }];
  });
}

/** Our address as a client in this network reaches us: the one beside it, else the interface's first. */
export function serverAddressFor(it: ServedInterface, network: Prefix): Ipv4 {
  const beside = it.addresses.find(({ address }) => prefixContains(network, address));
  return beside?.address ?? it.addresses[0]?.address ?? 0;
}
