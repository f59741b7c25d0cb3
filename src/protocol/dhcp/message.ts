import type { Ipv4 } from '../ipv4/index.js';

/**
 * A DHCP message (RFC 2131, 2):
 *
 *      0                   1                   2                   3
 *     |     op (1)    |   htype (1)   |   hlen (1)    |   hops (1)    |
 *     |                            xid (4)                            |
 *     |           secs (2)            |           flags (2)           |
 *     |                          ciaddr  (4)                          |
 *     |                          yiaddr  (4)                          |
 *     |                          siaddr  (4)                          |
 *     |                          giaddr  (4)                          |
 *     |                          chaddr  (16)                         |
 *     |                          sname   (64)                         |
 *     |                          file    (128)                        |
 *     |            magic cookie (4), options (variable)               |
 */
export interface DhcpMessage {
  op: 'request' | 'reply';
  /** Hardware type (RFC 1700): 1 Ethernet. */
  htype: number;
  hops: number;
  xid: number;
  /** Seconds since the client began. */
  secs: number;
  /** The client cannot take a unicast before it has an address (RFC 2131, 4.1). */
  broadcast: boolean;
  /** The client's address, when it has one and answers ARP for it. */
  ciaddr: Ipv4;
  /** "Your" address: what the server gives. */
  yiaddr: Ipv4;
  /** Next server: where the boot file is. */
  siaddr: Ipv4;
  /** The relay that passed this on; 0 without one. */
  giaddr: Ipv4;
  /** `hlen` bytes, 16 at most. */
  chaddr: Buffer;
  /** Server host name; empty where the field carries options (RFC 2132, 9.3). */
  sname: string;
  /** Boot file name; likewise. */
  file: string;
  /** By code. An option that came in pieces is whole here (RFC 3396). */
  options: Map<number, Buffer>;
}

export type DhcpMessageType = 'discover' | 'offer' | 'request' | 'decline' | 'ack' | 'nak' | 'release' | 'inform';

/** Option 53 (RFC 2132, 9.6), by value - 1. */
export const MESSAGE_TYPES: readonly DhcpMessageType[] = [
  'discover',
  'offer',
  'request',
  'decline',
  'ack',
  'nak',
  'release',
  'inform',
];

/** Option codes (RFC 2132 where nothing else is said). */
export const DHCP_OPTION = {
  pad: 0,
  subnetMask: 1,
  router: 3,
  domainNameServer: 6,
  hostName: 12,
  domainName: 15,
  broadcastAddress: 28,
  ntpServers: 42,
  vendorSpecific: 43,
  requestedAddress: 50,
  leaseTime: 51,
  overload: 52,
  messageType: 53,
  serverIdentifier: 54,
  parameterRequestList: 55,
  message: 56,
  maximumMessageSize: 57,
  renewalTime: 58,
  rebindingTime: 59,
  vendorClass: 60,
  clientIdentifier: 61,
  tftpServerName: 66,
  bootFileName: 67,
  /** RFC 3004. */
  userClass: 77,
  /** RFC 3046. */
  relayAgentInformation: 82,
  /** RFC 4578, 2.1. */
  clientArchitecture: 93,
  /** RFC 4578, 2.2. */
  clientNetworkInterface: 94,
  /** RFC 4578, 2.3. */
  clientMachineIdentifier: 97,
  /** iPXE's own, with sub-options (ipxe.org/howto/dhcpd). */
  ipxe: 175,
  end: 255,
} as const;

/** Offsets of the fixed part. */
export const FIELD = {
  xid: 4,
  secs: 8,
  flags: 10,
  ciaddr: 12,
  yiaddr: 16,
  siaddr: 20,
  giaddr: 24,
  chaddr: 28,
  sname: 44,
  file: 108,
  cookie: 236,
  options: 240,
} as const;

export const SNAME_BYTES = 64;
export const FILE_BYTES = 128;
export const CHADDR_BYTES = 16;
/** RFC 2131, 3: 99, 130, 83, 99. */
export const MAGIC_COOKIE = 0x63825363;
/** The one flag that is defined (RFC 2131, 2). */
export const BROADCAST_FLAG = 0x8000;
