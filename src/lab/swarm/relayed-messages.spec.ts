import { describe, expect, it } from 'vitest';
import {
  addressOption,
  architectureOf,
  decodeDhcp,
  DHCP_OPTION,
  encodeDhcp,
  isIpxe,
  macOf,
  messageTypeOf,
  uuidOf,
  type DhcpMessage,
} from '../../protocol/dhcp/index.js';
import { parseAddress } from '../../protocol/ipv4/index.js';
import { discover, readOffer, request } from './relayed-messages.js';
import { simulatedMachine } from './simulated-machine.js';

const machine = simulatedMachine(7);
const relay = parseAddress('10.97.0.1');

function overTheWire(message: DhcpMessage): DhcpMessage {
  const { message: read } = decodeDhcp(encodeDhcp(message));
  if (read === undefined) throw new Error('no server could read this');
  return read;
}

describe('a relayed message', () => {
  it.each(['firmware', 'ipxe'] as const)('says who asks, from %s', (program) => {
    const message = overTheWire(discover(machine, program, 42, relay));
    expect(messageTypeOf(message)).toBe('discover');
    expect(message).toMatchObject({ xid: 42, giaddr: relay, hops: 1 });
    expect(macOf(message)).toBe(machine.mac);
    // Firmware and iPXE send the UUID's bytes in different orders; it is one UUID all the same.
    expect(uuidOf(message)).toBe(machine.uuid);
    expect(architectureOf(message)).toBe(0);
    expect(isIpxe(message)).toBe(program === 'ipxe');
  });

  it('asks for what was offered, of the server that offered it', () => {
    const offer = { address: parseAddress('10.97.1.5'), server: 9, nextServer: 9, bootFile: 'undionly.kpxe' };
    const message = overTheWire(request(machine, 'firmware', 42, relay, offer));
    expect(messageTypeOf(message)).toBe('request');
    expect(addressOption(message, DHCP_OPTION.requestedAddress)).toBe(offer.address);
    expect(addressOption(message, DHCP_OPTION.serverIdentifier)).toBe(9);
  });
});

describe('reading an offer', () => {
  const reply = (change: Partial<DhcpMessage>, options: [number, Buffer][]): DhcpMessage => ({
    ...discover(machine, 'firmware', 42, relay),
    op: 'reply',
    yiaddr: parseAddress('10.97.1.5'),
    ...change,
    options: new Map(options),
  });
  const server: [number, Buffer] = [DHCP_OPTION.serverIdentifier, Buffer.from([10, 98, 0, 1])];

  it('takes the boot file from the option, else from the field', () => {
    const option: [number, Buffer] = [DHCP_OPTION.bootFileName, Buffer.from('a.kpxe\0')];
    expect(readOffer(reply({ file: 'b.kpxe' }, [server, option]))?.bootFile).toBe('a.kpxe');
    expect(readOffer(reply({ file: 'b.kpxe' }, [server]))?.bootFile).toBe('b.kpxe');
    expect(readOffer(reply({ file: '' }, [server]))?.bootFile).toBeNull();
  });

  it('fetches from the server itself where none is named', () => {
    expect(readOffer(reply({ siaddr: 0 }, [server]))?.nextServer).toBe(parseAddress('10.98.0.1'));
    expect(readOffer(reply({ siaddr: 5 }, [server]))?.nextServer).toBe(5);
  });

  it('is null without an address or a server', () => {
    expect(readOffer(reply({ yiaddr: 0 }, [server]))).toBeNull();
    expect(readOffer(reply({}, []))).toBeNull();
  });
});
