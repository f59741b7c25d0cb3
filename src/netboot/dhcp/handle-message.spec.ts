import { beforeEach, describe, expect, it } from 'vitest';
import {
  IPXE_BIOS_DISCOVER,
  IPXE_BIOS_REQUEST,
  OVMF_HTTP_DISCOVER,
  OVMF_PXE_DISCOVER,
  UDHCPC_DISCOVER,
} from '../../../test/fixtures/dhcp-packets.js';
import type { Grant, LeaseClient, Subnet } from '../../networks/index.js';
import {
  addressOption,
  decodeDhcp,
  DHCP_OPTION,
  messageTypeOf,
  messageTypeValue,
  textOption,
  type DhcpMessage,
  type DhcpMessageType,
} from '../../protocol/dhcp/index.js';
import {
  addressToBytes,
  formatAddress,
  parseAddress,
  parsePrefix,
  prefixContains,
  type Ipv4,
} from '../../protocol/ipv4/index.js';
import type { BootAnswer, BootClient } from '../boot-client.js';
import { destinationOf } from './destination.js';
import { handleMessage, handleProxyRequest, type HandlerContext } from './handle-message.js';
import type { ServedInterface } from './served-interface.js';

const at = parseAddress;
const br0: ServedInterface = {
  name: 'br0',
  addresses: [{ address: at('10.99.0.1'), prefix: parsePrefix('10.99.0.0/24') }],
};

function subnet(change: Partial<Subnet> = {}): Subnet {
  return {
    id: 'lab',
    name: 'lab',
    prefix: parsePrefix('10.99.0.0/24'),
    gateway: at('10.99.0.254'),
    dns: [at('10.99.0.53')],
    mode: 'serve',
    dynamicRanges: [],
    reservedRanges: [],
    vlan: null,
    leaseSeconds: 3600,
    space: null,
    unknownMachines: 'enlist',
    options: [{ code: 42, value: addressToBytes(at('10.99.0.123')) }],
    ...change,
  };
}

/** Gives 10.99.0.60 to everybody, and refuses all else. */
class FixedLeases {
  readonly calls: string[] = [];
  subnets: Subnet[] = [subnet()];

  findSubnetContaining(address: Ipv4): Subnet | null {
    return this.subnets.find((it) => prefixContains(it.prefix, address)) ?? null;
  }
  findReservation(): null {
    return null;
  }
  offer(it: Subnet): Promise<Ipv4> {
    this.calls.push(`offer ${it.name}`);
    return Promise.resolve(it.prefix.network + 60);
  }
  grant(it: Subnet, client: LeaseClient, address: Ipv4): Promise<Grant> {
    this.calls.push(`grant ${it.name} ${formatAddress(address)}`);
    if (address !== it.prefix.network + 60) return Promise.resolve({ refused: 'it is taken' });
    const when = { state: 'active' as const, grantedAt: 0, expiresAt: 1, fence: 1 };
    return Promise.resolve({ lease: { ...client, ...when, subnetId: it.id, address, key: 'k' } });
  }
  release(it: Subnet, _client: LeaseClient, address: Ipv4): Promise<null> {
    this.calls.push(`release ${it.name} ${formatAddress(address)}`);
    return Promise.resolve(null);
  }
  decline(it: Subnet, _client: LeaseClient, address: Ipv4): Promise<null> {
    this.calls.push(`decline ${it.name} ${formatAddress(address)}`);
    return Promise.resolve(null);
  }
}

let leases: FixedLeases;
let asked: BootClient[];
let answer: BootAnswer;
let context: HandlerContext;
beforeEach(() => {
  leases = new FixedLeases();
  asked = [];
  answer = { kind: 'boot-file', file: 'snponly.efi', reason: 'enlist' };
  const answerFor = (client: BootClient) => {
    asked.push(client);
    return answer;
  };
  context = { leases, boot: { answerFor }, isOwnAddress: (address) => address === at('10.99.0.1') };
});

function decoded(bytes: Buffer): DhcpMessage {
  const { message, problem } = decodeDhcp(bytes);
  if (message === undefined) throw new Error(problem);
  return message;
}

/** A message of a running operating system, with these options. */
function sent(type: DhcpMessageType, change: Partial<DhcpMessage> = {}, options: [number, Ipv4][] = []): DhcpMessage {
  const message = { ...decoded(UDHCPC_DISCOVER), ...change };
  message.options.set(DHCP_OPTION.messageType, messageTypeValue(type));
  for (const [code, address] of options) message.options.set(code, addressToBytes(address));
  return message;
}

async function replyTo(message: DhcpMessage): Promise<DhcpMessage> {
  const { reply, reason } = await handleMessage(message, br0, context);
  if (reply === null) throw new Error(reason ?? 'no reply');
  return reply;
}

const type = (message: DhcpMessage) => messageTypeOf(message);
const text = (message: DhcpMessage, code: number) => textOption(message, code);

describe('DISCOVER', () => {
  it('is offered an address, its network and the operator’s options', async () => {
    const reply = await replyTo(sent('discover'));
    expect([type(reply), formatAddress(reply.yiaddr), formatAddress(reply.siaddr)]).toEqual([
      'offer',
      '10.99.0.60',
      '0.0.0.0',
    ]);
    const address = (code: number) => formatAddress(addressOption(reply, code) ?? 0);
    expect([1, 3, 6, 28, 42, 54].map(address)).toEqual([
      '255.255.255.0',
      '10.99.0.254',
      '10.99.0.53',
      '10.99.0.255',
      '10.99.0.123',
      '10.99.0.1',
    ]);
    expect([51, 58, 59].map((code) => addressOption(reply, code))).toEqual([3600, 1800, 3150]);
    expect(asked).toEqual([]);
  });

  it('of firmware is told the boot file, in every place it may look', async () => {
    const reply = await replyTo(decoded(OVMF_PXE_DISCOVER));
    expect(asked).toEqual([
      {
        mac: '52:54:00:00:00:03',
        uuid: null,
        architecture: 7,
        isIpxe: false,
        isHttpClient: false,
        isPxeClient: true,
        serverAddress: '10.99.0.1',
        unknownMachines: 'enlist',
      },
    ]);
    expect([reply.file, formatAddress(reply.siaddr)]).toEqual(['snponly.efi', '10.99.0.1']);
    expect([60, 66, 67].map((code) => text(reply, code))).toEqual(['PXEClient', '10.99.0.1', 'snponly.efi']);
    expect(reply.options.get(97)).toEqual(decoded(OVMF_PXE_DISCOVER).options.get(97));
    expect(reply.broadcast).toBe(true);
  });

  it('of an HTTP client is told a URL and that this is HTTP boot', async () => {
    answer = { kind: 'boot-file', file: 'http://10.99.0.1:7480/boot/files/snponly.efi', reason: 'enlist' };
    const reply = await replyTo(decoded(OVMF_HTTP_DISCOVER));
    expect([60, 67].map((code) => text(reply, code))).toEqual(['HTTPClient', answer.file]);
    expect([reply.file, reply.options.has(66)]).toEqual(['', false]);
  });

  it('of iPXE is told the script, and not to wait for proxyDHCP', async () => {
    answer = { kind: 'boot-file', file: 'http://10.99.0.1:7480/boot/ipxe/52:54:00:00:00:01', reason: 'enlist' };
    const reply = await replyTo(decoded(IPXE_BIOS_DISCOVER));
    expect([text(reply, 67), reply.file, reply.options.has(60)]).toEqual([answer.file, answer.file, false]);
    expect(reply.options.get(175)).toEqual(Buffer.from([0xb0, 1, 1]));
  });

  it('gets an address also where there is nothing to boot', async () => {
    answer = { kind: 'nothing', reason: 'it is retired' };
    const { reply, event } = await handleMessage(decoded(OVMF_PXE_DISCOVER), br0, context);
    expect([reply?.file, reply?.siaddr, reply?.options.has(60)]).toEqual(['', 0, false]);
    expect(event?.message).toBe('offered 10.99.0.60, nothing to boot: it is retired');
  });
});

describe('REQUEST', () => {
  it('in SELECTING is acknowledged', async () => {
    const message = decoded(IPXE_BIOS_REQUEST);
    message.options.set(DHCP_OPTION.requestedAddress, addressToBytes(at('10.99.0.60')));
    const { reply, event } = await handleMessage(message, br0, context);
    expect(reply === null ? null : type(reply)).toBe('ack');
    expect(event).toMatchObject({ stage: 'dhcp ack', message: 'gave 10.99.0.60 and snponly.efi' });
  });

  it('of another server’s offer is left alone, and told', async () => {
    const message = sent('request', {}, [
      [DHCP_OPTION.serverIdentifier, at('10.99.0.9')],
      [DHCP_OPTION.requestedAddress, at('10.99.0.60')],
    ]);
    const { reply, event } = await handleMessage(message, br0, context);
    expect([reply, leases.calls]).toEqual([null, []]);
    expect(event?.details['otherServer']).toBe('10.99.0.9');
  });

  it('in INIT-REBOOT is acknowledged or refused', async () => {
    const request = (address: string) => sent('request', {}, [[DHCP_OPTION.requestedAddress, at(address)]]);
    expect(type(await replyTo(request('10.99.0.60')))).toBe('ack');
    const nak = await replyTo(request('10.99.0.61'));
    expect([type(nak), nak.yiaddr, text(nak, 56)]).toEqual(['nak', 0, 'it is taken']);
    expect(destinationOf(request('10.99.0.61'), 'nak').address).toBe('255.255.255.255');
  });

  it('in RENEWING is answered where the client is', async () => {
    const message = sent('request', { ciaddr: at('10.99.0.60') });
    const reply = await replyTo(message);
    expect([type(reply), formatAddress(reply.ciaddr), formatAddress(reply.yiaddr)]).toEqual([
      'ack',
      '10.99.0.60',
      '10.99.0.60',
    ]);
    expect(destinationOf(message, 'ack')).toEqual({ address: '10.99.0.60', port: 68 });
  });
});

describe('behind a relay', () => {
  const relayed = { ...subnet(), id: 'far', name: 'far', prefix: parsePrefix('10.98.0.0/24'), gateway: null, dns: [] };

  it('is given an address of its own subnet, and option 82 back', async () => {
    leases.subnets.push(relayed);
    const message = sent('discover', { giaddr: at('10.98.0.2') });
    message.options.set(82, Buffer.from([1, 2, 65, 66]));
    const reply = await replyTo(message);
    expect([formatAddress(reply.yiaddr), formatAddress(reply.giaddr)]).toEqual(['10.98.0.60', '10.98.0.2']);
    expect(reply.options.get(82)).toEqual(Buffer.from([1, 2, 65, 66]));
    expect(destinationOf(message, 'offer')).toEqual({ address: '10.98.0.2', port: 67 });
  });

  it('goes by link selection where the relay names it (RFC 3527)', async () => {
    leases.subnets.push(relayed);
    const message = sent('discover', { giaddr: at('192.0.2.1') });
    message.options.set(82, Buffer.concat([Buffer.from([5, 4]), addressToBytes(at('10.98.0.0'))]));
    expect(formatAddress((await replyTo(message)).yiaddr)).toBe('10.98.0.60');
  });

  it('has silence where its subnet is not known', async () => {
    const { reply, reason } = await handleMessage(sent('discover', { giaddr: at('192.0.2.1') }), br0, context);
    expect([reply, reason]).toEqual([null, 'no subnet is known here']);
  });

  it('has its refusal broadcast by the relay', async () => {
    leases.subnets.push(relayed);
    const message = sent('request', { giaddr: at('10.98.0.2') }, [[50, at('10.98.0.99')]]);
    expect(await replyTo(message)).toMatchObject({ broadcast: true });
  });
});

describe('the rest', () => {
  it('INFORM gets the network but no lease', async () => {
    const reply = await replyTo(sent('inform', { ciaddr: at('10.99.0.77') }));
    expect([type(reply), reply.yiaddr, reply.options.has(51), reply.options.has(1)]).toEqual(['ack', 0, false, true]);
    expect(leases.calls).toEqual([]);
  });

  it('RELEASE and DECLINE are taken in silence', async () => {
    const release = await handleMessage(sent('release', { ciaddr: at('10.99.0.60') }), br0, context);
    const decline = await handleMessage(sent('decline', {}, [[50, at('10.99.0.61')]]), br0, context);
    expect([release.reply, decline.reply]).toEqual([null, null]);
    expect(leases.calls).toEqual(['release lab 10.99.0.60', 'decline lab 10.99.0.61']);
  });

  it.each(['offer', 'ack', 'nak'] as const)('%s from a client is left alone', async (kind) => {
    expect((await handleMessage(sent(kind), br0, context)).reply).toBeNull();
  });

  it('a subnet that is off has silence', async () => {
    leases.subnets = [subnet({ mode: 'off' })];
    expect((await handleMessage(sent('discover'), br0, context)).reply).toBeNull();
  });
});

describe('proxyDHCP', () => {
  beforeEach(() => {
    leases.subnets = [subnet({ mode: 'proxy' })];
  });

  it('offers how to boot and no address', async () => {
    const reply = await replyTo(decoded(OVMF_PXE_DISCOVER));
    expect([reply.yiaddr, reply.file, text(reply, 60), reply.options.has(51), reply.options.has(1)]).toEqual([
      0,
      'snponly.efi',
      'PXEClient',
      false,
      false,
    ]);
    expect(leases.calls).toEqual([]);
  });

  it('is silent to what does not boot, and to requests on port 67', async () => {
    expect((await handleMessage(sent('discover'), br0, context)).reply).toBeNull();
    expect((await handleMessage(decoded(IPXE_BIOS_REQUEST), br0, context)).reply).toBeNull();
  });

  it('answers requests on port 4011', () => {
    const { reply } = handleProxyRequest(decoded(IPXE_BIOS_REQUEST), br0, context);
    expect(reply === null ? null : [type(reply), reply.yiaddr, reply.file]).toEqual(['ack', 0, 'snponly.efi']);
  });
});
