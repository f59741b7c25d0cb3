import type { Subnet } from '../../networks/index.js';
import {
  addressesValue,
  DHCP_OPTION,
  messageTypeValue,
  requestedOptions,
  secondsValue,
  type DhcpMessage,
  type DhcpMessageType,
} from '../../protocol/dhcp/index.js';
import { addressToBytes, formatAddress, lastAddressOf, maskOf, type Ipv4 } from '../../protocol/ipv4/index.js';
import type { BootAnswer, BootClient } from '../boot-client.js';

export interface ReplyFacts {
  request: DhcpMessage;
  type: Extract<DhcpMessageType, 'offer' | 'ack' | 'nak'>;
  subnet: Subnet;
  /** Our address, as the client reaches us. */
  serverAddress: Ipv4;
  /** Null: nothing is given (INFORM, proxyDHCP, NAK). */
  address: Ipv4 | null;
  hostname: string | null;
  boot: { client: BootClient; answer: BootAnswer } | null;
}

const FILE_FIELD_BYTES = 127;
/** PXE specification 2.1, table 2-1: sub-option 6 (discovery control), bit 3: use the boot file of this reply as it is. */
const USE_BOOT_FILE = Buffer.from([6, 1, 8, 255]);
/** iPXE's sub-option 0xb0: do not wait for ProxyDHCP (3 seconds). */
const NO_PROXY_DHCP = Buffer.from([0xb0, 1, 1]);

/** An OFFER or ACK of an address, or an ACK of an INFORM (`address` null): RFC 2131, table 3. */
export function addressReply(facts: ReplyFacts): DhcpMessage {
  const reply = bare(facts);
  if (facts.address !== null) addLease(reply, facts.address, facts.subnet.leaseSeconds);
  addNetwork(reply, facts);
  addBoot(reply, facts);
  return reply;
}

/** What a proxyDHCP server says: how to boot, and nothing of addresses (PXE specification 2.1, 2.2.3). */
export function proxyReply(facts: ReplyFacts): DhcpMessage {
  const reply = bare({ ...facts, address: null });
  addBoot(reply, facts);
  return reply;
}

/** RFC 2131, table 3, DHCPNAK. Behind a relay the broadcast bit is set, for the client may have no address (4.3.2). */
export function nakReply(facts: ReplyFacts, reason: string): DhcpMessage {
  const reply = bare({ ...facts, type: 'nak', address: null });
  reply.broadcast = reply.broadcast || reply.giaddr !== 0;
  reply.ciaddr = 0;
  reply.options.set(DHCP_OPTION.message, Buffer.from(reason.slice(0, 200), 'latin1'));
  return reply;
}

function bare({ request, type, serverAddress, address }: ReplyFacts): DhcpMessage {
  const reply: DhcpMessage = {
    op: 'reply',
    htype: request.htype,
    hops: 0,
    xid: request.xid,
    secs: 0,
    broadcast: request.broadcast,
    // In an ACK of a renewal the client's own; zero in an OFFER (RFC 2131, table 3).
    ciaddr: type === 'ack' ? request.ciaddr : 0,
    yiaddr: address ?? 0,
    siaddr: 0,
    giaddr: request.giaddr,
    chaddr: request.chaddr,
    sname: '',
    file: '',
    options: new Map<number, Buffer>([
      [DHCP_OPTION.messageType, messageTypeValue(type)],
      [DHCP_OPTION.serverIdentifier, addressToBytes(serverAddress)],
    ]),
  };
  // Echoed as they came: 82 (RFC 3046, 2.2), 61 (RFC 6842), 97 (RFC 4578, 2.3).
  for (const code of [
    DHCP_OPTION.relayAgentInformation,
    DHCP_OPTION.clientIdentifier,
    DHCP_OPTION.clientMachineIdentifier,
  ]) {
    const value = request.options.get(code);
    if (value !== undefined) reply.options.set(code, value);
  }
  return reply;
}

/** T1 and T2 at a half and seven eighths (RFC 2131, 4.4.5). */
function addLease(reply: DhcpMessage, address: Ipv4, leaseSeconds: number): void {
  reply.yiaddr = address;
  reply.options.set(DHCP_OPTION.leaseTime, secondsValue(leaseSeconds));
  reply.options.set(DHCP_OPTION.renewalTime, secondsValue(Math.floor(leaseSeconds / 2)));
  reply.options.set(DHCP_OPTION.rebindingTime, secondsValue(Math.floor((leaseSeconds * 7) / 8)));
}

function addNetwork(reply: DhcpMessage, { subnet, hostname }: ReplyFacts): void {
  const set = (code: number, addresses: readonly Ipv4[]) => {
    if (addresses.length > 0) reply.options.set(code, addressesValue(addresses));
  };
  set(DHCP_OPTION.subnetMask, [maskOf(subnet.prefix.length)]);
  set(DHCP_OPTION.router, subnet.gateway === null ? [] : [subnet.gateway]);
  set(DHCP_OPTION.domainNameServer, subnet.dns);
  set(DHCP_OPTION.broadcastAddress, [lastAddressOf(subnet.prefix)]);
  if (hostname !== null) reply.options.set(DHCP_OPTION.hostName, Buffer.from(hostname, 'latin1'));
  for (const { code, value } of subnet.options) reply.options.set(code, value);
}

function addBoot(reply: DhcpMessage, { request, serverAddress, boot }: ReplyFacts): void {
  if (boot === null) return;
  const { client, answer } = boot;
  // Without this iPXE waits for a proxyDHCP server even where there is nothing to boot.
  if (client.isIpxe) reply.options.set(DHCP_OPTION.ipxe, NO_PROXY_DHCP);
  if (answer.kind !== 'boot-file') return;
  const asked = requestedOptions(request);
  const isUrl = answer.file.includes('://');
  reply.siaddr = serverAddress;
  if (client.isHttpClient) {
    reply.options.set(DHCP_OPTION.vendorClass, Buffer.from('HTTPClient'));
  } else if (client.isPxeClient && !client.isIpxe) {
    reply.options.set(DHCP_OPTION.vendorClass, Buffer.from('PXEClient'));
    reply.options.set(DHCP_OPTION.vendorSpecific, USE_BOOT_FILE);
  }
  if (asked.has(DHCP_OPTION.tftpServerName) && !isUrl) {
    reply.options.set(DHCP_OPTION.tftpServerName, Buffer.from(formatAddress(serverAddress)));
  }
  if (answer.file.length <= FILE_FIELD_BYTES && !client.isHttpClient) reply.file = answer.file;
  if (asked.has(DHCP_OPTION.bootFileName) || reply.file === '') {
    reply.options.set(DHCP_OPTION.bootFileName, Buffer.from(answer.file, 'latin1'));
  }
}
