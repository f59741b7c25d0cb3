import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ARM64_UEFI_DISCOVER,
  IPXE_BIOS_DISCOVER,
  IPXE_BIOS_REQUEST,
  IPXE_UEFI_DISCOVER,
  OVMF_HTTP_DISCOVER,
  OVMF_PXE_DISCOVER,
  OVMF_PXE_REQUEST,
  UDHCPC_DISCOVER,
} from '../../../test/fixtures/dhcp-packets.js';
import { formatAddress } from '../ipv4/index.js';
import {
  addressOption,
  architectureOf,
  clientIdOf,
  decodeDhcp,
  DHCP_OPTION,
  encodeDhcp,
  isIpxe,
  macOf,
  maximumBytesOf,
  messageTypeOf,
  messageTypeValue,
  relaySubOption,
  requestedOptions,
  textOption,
  uuidOf,
  type DhcpMessage,
} from './index.js';

function decoded(bytes: Buffer): DhcpMessage {
  const { message, problem } = decodeDhcp(bytes);
  if (message === undefined) throw new Error(problem);
  return message;
}

function blank(options: [number, Buffer][] = []): DhcpMessage {
  return {
    op: 'reply',
    htype: 1,
    hops: 0,
    xid: 0x01020304,
    secs: 0,
    broadcast: false,
    ciaddr: 0,
    yiaddr: 0,
    siaddr: 0,
    giaddr: 0,
    chaddr: Buffer.from('525400000001', 'hex'),
    sname: '',
    file: '',
    options: new Map(options),
  };
}

describe('what firmware sends', () => {
  it.each([
    ['iPXE, BIOS', IPXE_BIOS_DISCOVER, { arch: 0, id: '01525400000001', ipxe: true, broadcast: false }],
    ['iPXE, UEFI', IPXE_UEFI_DISCOVER, { arch: 7, id: '01525400000005', ipxe: true, broadcast: false }],
    ['OVMF, PXE', OVMF_PXE_DISCOVER, { arch: 7, id: null, ipxe: false, broadcast: true }],
    ['OVMF, HTTP', OVMF_HTTP_DISCOVER, { arch: 16, id: null, ipxe: false, broadcast: true }],
    ['AAVMF', ARM64_UEFI_DISCOVER, { arch: 11, id: null, ipxe: false, broadcast: true }],
    ['udhcpc', UDHCPC_DISCOVER, { arch: null, id: '01525400000001', ipxe: false, broadcast: false }],
  ])('%s', (_name, bytes, expected) => {
    const message = decoded(bytes);
    expect(messageTypeOf(message)).toBe('discover');
    expect({
      arch: architectureOf(message),
      id: clientIdOf(message),
      ipxe: isIpxe(message),
      broadcast: message.broadcast,
    }).toEqual(expected);
  });

  it('is read whole', () => {
    const message = decoded(IPXE_BIOS_REQUEST);
    expect(messageTypeOf(message)).toBe('request');
    expect(message).toMatchObject({ op: 'request', htype: 1, xid: 0x24638109, secs: 10, ciaddr: 0, giaddr: 0 });
    expect(macOf(message)).toBe('52:54:00:00:00:01');
    expect(formatAddress(addressOption(message, DHCP_OPTION.requestedAddress) ?? 0)).toBe('10.99.0.85');
    expect(formatAddress(addressOption(message, DHCP_OPTION.serverIdentifier) ?? 0)).toBe('10.99.0.1');
    expect(textOption(message, DHCP_OPTION.vendorClass)).toBe('PXEClient:Arch:00000:UNDI:002001');
    expect(requestedOptions(message).has(DHCP_OPTION.bootFileName)).toBe(true);
    expect(maximumBytesOf(message)).toBe(1472 - 28);
  });

  it('bounds what OVMF claims to take by an Ethernet frame', () => {
    expect(maximumBytesOf(decoded(OVMF_PXE_REQUEST))).toBe(1472);
  });

  it('is encoded again to the same bytes', () => {
    for (const bytes of [IPXE_BIOS_DISCOVER, OVMF_PXE_REQUEST, OVMF_HTTP_DISCOVER]) {
      expect(decoded(encodeDhcp(decoded(bytes)))).toEqual(decoded(bytes));
    }
  });
});

describe('machine identifier (option 97)', () => {
  const uuid = Buffer.from('00' + '33221100554477668899aabbccddeeff', 'hex');

  it('is turned for firmware, which sends SMBIOS bytes', () => {
    expect(uuidOf(blank([[97, uuid]]))).toBe('00112233-4455-6677-8899-aabbccddeeff');
  });

  it('is taken as it is from iPXE', () => {
    const message = blank([
      [97, uuid],
      [77, Buffer.from('iPXE')],
    ]);
    expect(uuidOf(message)).toBe('33221100-5544-7766-8899-aabbccddeeff');
  });

  it.each(['', '00', '00' + '00'.repeat(16), '00' + 'ff'.repeat(16), '01' + '11'.repeat(16), '00' + '11'.repeat(15)])(
    'is none when it is %s',
    (hex) => {
      expect(uuidOf(blank([[97, Buffer.from(hex, 'hex')]]))).toBeNull();
    },
  );
});

describe('options', () => {
  it('reads user class bare and counted', () => {
    expect(isIpxe(blank([[77, Buffer.from('iPXE')]]))).toBe(true);
    expect(isIpxe(blank([[77, Buffer.from('\x04iPXE\x03foo')]]))).toBe(true);
    expect(isIpxe(blank([[77, Buffer.from('gPXE')]]))).toBe(false);
  });

  it('joins options that came in pieces (RFC 3396)', () => {
    const bytes = Buffer.concat([
      encodeDhcp(blank()).subarray(0, 240),
      Buffer.from([43, 2, 1, 2, 12, 1, 65, 43, 1, 3, 255]),
    ]);
    expect(decoded(bytes).options.get(43)).toEqual(Buffer.from([1, 2, 3]));
  });

  it('writes long options in pieces', () => {
    const long = Buffer.from(Array.from({ length: 600 }, (_, n) => n & 255));
    const message = blank([[43, long]]);
    expect(decoded(encodeDhcp(message, 1472)).options.get(43)).toEqual(long);
  });

  it('reads options from file and sname where option 52 says so', () => {
    const bytes = encodeDhcp(blank());
    bytes.set([52, 1, 3, 255], 240);
    bytes.set([67, 1, 65, 255], 108);
    bytes.set([66, 1, 66, 255], 44);
    const message = decoded(bytes);
    expect([textOption(message, 67), textOption(message, 66)]).toEqual(['A', 'B']);
    expect([message.file, message.sname]).toEqual(['', '']);
  });

  it('overflows into file and sname, and never loses option 82', () => {
    const message = blank([
      [53, messageTypeValue('ack')],
      [43, Buffer.alloc(200, 1)],
      [60, Buffer.alloc(60, 2)],
      [67, Buffer.alloc(60, 3)],
      [66, Buffer.alloc(61, 4)],
      [82, Buffer.alloc(40, 5)],
    ]);
    const bytes = encodeDhcp(message);
    expect(bytes.length).toBeLessThanOrEqual(548);
    const again = decoded(bytes);
    again.options.delete(DHCP_OPTION.overload);
    expect(again.options).toEqual(message.options);
    expect([...bytes.subarray(bytes.lastIndexOf(5) + 1)].filter((byte) => byte !== 0)).toEqual([255]);
  });

  it('leaves out what fits nowhere rather than a field in use', () => {
    const message = {
      ...blank([
        [43, Buffer.alloc(250)],
        [60, Buffer.alloc(250)],
      ]),
      file: 'a',
      sname: 'b',
    };
    const again = decoded(encodeDhcp(message));
    expect([...again.options.keys()]).toEqual([43]);
    expect([again.file, again.sname]).toEqual(['a', 'b']);
  });

  it('reads relay sub-options (RFC 3046)', () => {
    const message = blank([[82, Buffer.from([1, 2, 65, 66, 5, 4, 10, 0, 0, 0])]]);
    expect(relaySubOption(message, 5)).toEqual(Buffer.from([10, 0, 0, 0]));
    expect(relaySubOption(message, 2)).toBeNull();
    expect(relaySubOption(blank([[82, Buffer.from([1, 200, 1])]]), 1)).toBeNull();
  });
});

describe('hostile bytes', () => {
  it.each([
    ['nothing', Buffer.alloc(0), /0 bytes/],
    ['a header cut short', IPXE_BIOS_DISCOVER.subarray(0, 239), /239 bytes/],
    ['an unknown op', Buffer.concat([Buffer.from([3]), IPXE_BIOS_DISCOVER.subarray(1)]), /op 3/],
    ['an option cut short', IPXE_BIOS_DISCOVER.subarray(0, 250), /option 93 is longer/],
    ['a length and no more', IPXE_BIOS_DISCOVER.subarray(0, 241), /option 53 is longer/],
  ])('%s is a problem', (_name, bytes, problem) => {
    expect(decodeDhcp(bytes).problem).toMatch(problem);
  });

  it('a hardware address of 17 bytes, a wrong cookie and a wrong overload are problems', () => {
    const spoil = (at: number, ...values: number[]) => {
      const bytes = Buffer.from(IPXE_BIOS_DISCOVER);
      bytes.set(values, at);
      return decodeDhcp(bytes).problem;
    };
    expect(spoil(2, 17)).toMatch(/17 bytes/);
    expect(spoil(236, 0)).toMatch(/cookie/);
    expect(spoil(240, 52, 1, 4)).toMatch(/overload 4/);
    expect(spoil(240, 52, 0, 255)).toMatch(/overload 0/);
  });

  it('never throws, and what was read can be asked anything and written', () => {
    const noise = fc.uint8Array({ maxLength: 1500 }).map((bytes) => Buffer.from(bytes));
    const afterHeader = noise.map((bytes) => Buffer.concat([IPXE_BIOS_DISCOVER.subarray(0, 240), bytes]));
    const flipped = fc
      .array(fc.tuple(fc.nat(IPXE_BIOS_DISCOVER.length - 1), fc.nat(255)), { maxLength: 20 })
      .map((changes) => {
        const bytes = Buffer.from(IPXE_BIOS_DISCOVER);
        for (const [at, value] of changes) bytes[at] = value;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(noise, afterHeader, flipped), (bytes) => {
        const { message } = decodeDhcp(bytes);
        if (message === undefined) return;
        messageTypeOf(message);
        macOf(message);
        uuidOf(message);
        clientIdOf(message);
        architectureOf(message);
        maximumBytesOf(message);
        relaySubOption(message, 5);
        expect(encodeDhcp(message).length).toBeLessThanOrEqual(2000);
      }),
      { numRuns: 2000 },
    );
  });
});
