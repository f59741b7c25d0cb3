import type { Ipv4 } from '../protocol/ipv4/index.js';

/** `declined`: the client found the address in use; nobody gets it until the lease expires. */
export type LeaseState = 'active' | 'released' | 'declined';

/** Who asks for an address. */
export interface LeaseClient {
  mac: string | null;
  uuid: string | null;
  /** Option 61 in hex. */
  clientId: string | null;
  hostname: string | null;
}

/** Times are milliseconds since the epoch. */
export interface Lease extends LeaseClient {
  subnetId: string;
  address: Ipv4;
  /** {@link leaseKey} of its client. */
  key: string;
  state: LeaseState;
  grantedAt: number;
  expiresAt: number;
  /** Of the owner that granted it; 0 where ownership could not be asked. */
  fence: number;
}

/**
 * What a lease belongs to. RFC 2131, 4.2 would have the client identifier first, but one machine shows several along its
 * boot (OVMF none, iPXE 01 and the MAC, an operating system a DUID) and must keep its address through all of them.
 */
export function leaseKey(client: LeaseClient): string | null {
  if (client.mac !== null) return `mac:${client.mac}`;
  if (client.uuid !== null) return `uuid:${client.uuid}`;
  return client.clientId === null ? null : `id:${client.clientId}`;
}
