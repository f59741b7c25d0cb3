import type { Lease, LeaseBook, LeaseClient, Subnet } from '../../networks/index.js';
import {
  addressOption,
  DHCP_OPTION,
  messageTypeOf,
  relaySubOption,
  type DhcpMessage,
} from '../../protocol/dhcp/index.js';
import { addressFromBytes, formatAddress, type Ipv4 } from '../../protocol/ipv4/index.js';
import type { BootDecider, BootEvent } from '../boot-client.js';
import { bootClientOf, leaseClientOf } from './boot-client-of.js';
import { addressReply, nakReply, proxyReply, type ReplyFacts } from './reply.js';
import { serverAddressFor, type ServedInterface } from './served-interface.js';

/** What the handler asks of the lease book. */
export type Leases = Pick<
  LeaseBook,
  'findSubnetContaining' | 'findReservation' | 'offer' | 'grant' | 'release' | 'decline'
>;

export interface HandlerContext {
  leases: Leases;
  boot: BootDecider;
  /** Every address of this computer: a REQUEST that names another server is not for us. */
  isOwnAddress(address: Ipv4): boolean;
}

/** What to send, and what was seen. `reply` null: silence is the answer. */
export interface Handled {
  reply: DhcpMessage | null;
  event: Pick<BootEvent, 'stage' | 'message' | 'details'> | null;
  /** For the log, where nothing is sent. */
  reason: string | null;
}

interface Exchange {
  message: DhcpMessage;
  client: LeaseClient;
  subnet: Subnet;
  facts: ReplyFacts;
}

const SILENCE = (reason: string): Handled => ({ reply: null, event: null, reason });
/** RFC 3527: the subnet to give an address of, where it is not the relay's own. */
const LINK_SELECTION = 5;

/** One message in, at most one out. Waits only for the lease journal. */
export async function handleMessage(
  message: DhcpMessage,
  at: ServedInterface,
  context: HandlerContext,
): Promise<Handled> {
  const subnet = subnetOf(message, at, context.leases);
  if (subnet === null) return SILENCE('no subnet is known here');
  if (subnet.mode === 'off') return SILENCE(`DHCP is off for ${subnet.name}`);
  const exchange = begin(message, subnet, at, context);
  const type = messageTypeOf(message);
  if (subnet.mode === 'proxy')
    return type === 'discover' ? offerProxy(exchange) : SILENCE('proxyDHCP only offers here');
  switch (type) {
    case 'discover':
      return offer(exchange, context);
    case 'request':
      return answerRequest(exchange, context);
    case 'inform':
      return inform(exchange);
    case 'release':
      return ended(exchange, message.ciaddr, await context.leases.release(subnet, exchange.client, message.ciaddr));
    case 'decline': {
      const address = addressOption(message, DHCP_OPTION.requestedAddress) ?? 0;
      return ended(exchange, address, await context.leases.decline(subnet, exchange.client, address));
    }
    default:
      return SILENCE(type === null ? 'BOOTP, or no message type' : `a client does not send ${type}`);
  }
}

/** What a PXE client asks on port 4011, of a server that offered beside another (PXE specification 2.1, 2.2.4). */
export function handleProxyRequest(message: DhcpMessage, at: ServedInterface, context: HandlerContext): Handled {
  const subnet = subnetOf(message, at, context.leases);
  if (subnet === null || subnet.mode === 'off') return SILENCE('no subnet is served here');
  if (messageTypeOf(message) !== 'request' && messageTypeOf(message) !== 'inform') return SILENCE('no request');
  const { facts, client } = begin(message, subnet, at, context);
  if (facts.boot?.answer.kind !== 'boot-file') return SILENCE(facts.boot?.answer.reason ?? 'no MAC');
  const file = facts.boot.answer.file;
  return {
    reply: proxyReply({ ...facts, type: 'ack' }),
    event: { stage: 'dhcp ack', message: `proxyDHCP: told ${client.mac ?? ''} ${file}`, details: detailsOf(facts) },
    reason: null,
  };
}

/** By relay, by the client's own address, by the interface. */
function subnetOf(message: DhcpMessage, at: ServedInterface, leases: Leases): Subnet | null {
  if (message.giaddr !== 0) {
    const link = relaySubOption(message, LINK_SELECTION);
    return leases.findSubnetContaining(link?.length === 4 ? addressFromBytes(link) : message.giaddr);
  }
  const own = message.ciaddr === 0 ? null : leases.findSubnetContaining(message.ciaddr);
  if (own !== null) return own;
  for (const { address } of at.addresses) {
    const subnet = leases.findSubnetContaining(address);
    if (subnet !== null) return subnet;
  }
  return null;
}

function begin(message: DhcpMessage, subnet: Subnet, at: ServedInterface, context: HandlerContext): Exchange {
  const serverAddress = serverAddressFor(at, subnet.prefix);
  const bootClient = bootClientOf(message, subnet, serverAddress);
  const boots = bootClient !== null && (bootClient.isIpxe || bootClient.isPxeClient || bootClient.isHttpClient);
  const facts: ReplyFacts = {
    request: message,
    type: 'offer',
    subnet,
    serverAddress,
    address: null,
    hostname: null,
    boot: boots ? { client: bootClient, answer: context.boot.answerFor(bootClient) } : null,
  };
  return { message, client: leaseClientOf(message), subnet, facts };
}

async function offer({ message, client, subnet, facts }: Exchange, context: HandlerContext): Promise<Handled> {
  const asked = addressOption(message, DHCP_OPTION.requestedAddress);
  const address = await context.leases.offer(subnet, client, asked);
  if (address === null) return SILENCE(`no address is left in ${subnet.name}, or another server owns it`);
  return {
    reply: addressReply({ ...facts, address, hostname: hostnameFor(subnet, client, context) }),
    event: {
      stage: 'dhcp offer',
      message: `offered ${formatAddress(address)}${bootText(facts)}`,
      details: { ...detailsOf(facts), address: formatAddress(address) },
    },
    reason: null,
  };
}

function offerProxy({ facts, client }: Exchange): Handled {
  if (facts.boot?.answer.kind !== 'boot-file') return SILENCE(facts.boot?.answer.reason ?? 'does not boot');
  return {
    reply: proxyReply(facts),
    event: {
      stage: 'dhcp offer',
      message: `proxyDHCP: offered ${client.mac ?? ''} ${facts.boot.answer.file}`,
      details: detailsOf(facts),
    },
    reason: null,
  };
}

/** RFC 2131, 4.3.2: SELECTING names a server, INIT-REBOOT an address, RENEWING and REBINDING have theirs in ciaddr. */
async function answerRequest(exchange: Exchange, context: HandlerContext): Promise<Handled> {
  const { message, client, subnet, facts } = exchange;
  const server = addressOption(message, DHCP_OPTION.serverIdentifier);
  if (server !== null && !context.isOwnAddress(server)) return chosenAnother(facts, server);
  const asked = addressOption(message, DHCP_OPTION.requestedAddress);
  const address = message.ciaddr !== 0 ? message.ciaddr : asked;
  if (address === null) return SILENCE('a request for no address');
  const grant = await context.leases.grant(subnet, client, address);
  if (grant === null) return SILENCE(`another boot server owns ${subnet.name}`);
  if (grant.lease === undefined) {
    return {
      reply: nakReply(facts, grant.refused),
      event: {
        stage: 'dhcp ack',
        message: `refused ${formatAddress(address)}: ${grant.refused}`,
        details: { refused: true },
      },
      reason: null,
    };
  }
  return acknowledge({ ...facts, hostname: hostnameFor(subnet, client, context) }, grant.lease);
}

/** Only a reservation names its machine; what others call themselves is theirs. */
function hostnameFor(subnet: Subnet, client: LeaseClient, { leases }: HandlerContext): string | null {
  return leases.findReservation(subnet, client)?.hostname ?? null;
}

function acknowledge(facts: ReplyFacts, lease: Lease): Handled {
  const address = formatAddress(lease.address);
  return {
    reply: addressReply({ ...facts, type: 'ack', address: lease.address }),
    event: {
      stage: 'dhcp ack',
      message: `gave ${address}${bootText(facts)}`,
      details: { ...detailsOf(facts), address },
    },
    reason: null,
  };
}

function chosenAnother(facts: ReplyFacts, server: Ipv4): Handled {
  const otherServer = formatAddress(server);
  return {
    reply: null,
    event: {
      stage: 'dhcp offer',
      message: `offer not taken, another server answered: ${otherServer}`,
      details: { ...detailsOf(facts), otherServer },
    },
    reason: `the client took ${otherServer}'s offer`,
  };
}

function inform({ facts }: Exchange): Handled {
  return { reply: addressReply({ ...facts, type: 'ack' }), event: null, reason: null };
}

/** RELEASE and DECLINE have no answer (RFC 2131, 4.3.3 and 4.3.4). */
function ended({ client }: Exchange, address: Ipv4, lease: Lease | null): Handled {
  const who = client.mac ?? client.clientId ?? 'a client';
  return SILENCE(
    lease === null ? `${formatAddress(address)} was not ${who}'s` : `${who} ${lease.state} ${formatAddress(address)}`,
  );
}

function bootText({ boot }: ReplyFacts): string {
  if (boot === null) return '';
  return boot.answer.kind === 'boot-file' ? ` and ${boot.answer.file}` : `, nothing to boot: ${boot.answer.reason}`;
}

function detailsOf({ boot, subnet }: ReplyFacts): BootEvent['details'] {
  return {
    subnet: subnet.name,
    architecture: boot?.client.architecture ?? null,
    ipxe: boot?.client.isIpxe ?? false,
    file: boot?.answer.kind === 'boot-file' ? boot.answer.file : null,
    reason: boot?.answer.reason ?? null,
  };
}
