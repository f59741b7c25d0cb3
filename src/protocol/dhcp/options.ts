import { addressFromBytes, addressToBytes, type Ipv4 } from '../ipv4/index.js';
import { DHCP_OPTION, MESSAGE_TYPES, type DhcpMessage, type DhcpMessageType } from './message.js';

/** Option 53; null where it is absent or unknown: then this is BOOTP or noise. */
export function messageTypeOf(message: DhcpMessage): DhcpMessageType | null {
  const value = message.options.get(DHCP_OPTION.messageType);
  return value?.length === 1 ? (MESSAGE_TYPES[value.readUInt8() - 1] ?? null) : null;
}

export function messageTypeValue(type: DhcpMessageType): Buffer {
  return Buffer.from([MESSAGE_TYPES.indexOf(type) + 1]);
}

/** An option that holds one address; null where it is absent or not four bytes. */
export function addressOption(message: DhcpMessage, code: number): Ipv4 | null {
  const value = message.options.get(code);
  return value?.length === 4 ? addressFromBytes(value) : null;
}

/** An option that holds text, without trailing NULs; null where it is absent. */
export function textOption(message: DhcpMessage, code: number): string | null {
  const value = message.options.get(code);
  return value === undefined ? null : value.toString('latin1').replace(/\0+$/, '');
}

export function addressesValue(addresses: readonly Ipv4[]): Buffer {
  return Buffer.concat(addresses.map((address) => addressToBytes(address)));
}

export function secondsValue(seconds: number): Buffer {
  return addressToBytes(seconds);
}

/** Option 55: what the client asks for. */
export function requestedOptions(message: DhcpMessage): ReadonlySet<number> {
  return new Set(message.options.get(DHCP_OPTION.parameterRequestList) ?? []);
}

/** Option 57, the largest message that the client takes, less IP and UDP headers; 548 at least (RFC 2132, 9.10). */
export function maximumBytesOf(message: DhcpMessage): number {
  const value = message.options.get(DHCP_OPTION.maximumMessageSize);
  const datagram = value?.length === 2 ? value.readUInt16BE() : 576;
  // No larger than one Ethernet frame: firmware that claims 65280 (OVMF) still has a NIC of 1500.
  return Math.min(Math.max(datagram, 576), 1500) - 28;
}

/** Lower case with colons; null unless this is an Ethernet address that a NIC can have. */
export function macOf(message: DhcpMessage): string | null {
  const { chaddr } = message;
  if (chaddr.length !== 6) return null;
  const hex = chaddr.toString('hex');
  if (hex === '000000000000') return null;
  const byte = (at: number) => hex.slice(at, at + 2);
  return `${byte(0)}:${byte(2)}:${byte(4)}:${byte(6)}:${byte(8)}:${byte(10)}`;
}

/** Option 61 in hex; null where it is absent or shorter than its least of two bytes (RFC 2132, 9.14). */
export function clientIdOf(message: DhcpMessage): string | null {
  const value = message.options.get(DHCP_OPTION.clientIdentifier);
  return value === undefined || value.length < 2 ? null : value.toString('hex');
}

/** Option 93; null where it is absent. Of a list (RFC 4578, 2.1) the first. */
export function architectureOf(message: DhcpMessage): number | null {
  const value = message.options.get(DHCP_OPTION.clientArchitecture);
  return value === undefined || value.length < 2 ? null : value.readUInt16BE();
}

/** User class `iPXE`, bare as iPXE sends it or counted as RFC 3004 has it; or iPXE's feature option. */
export function isIpxe(message: DhcpMessage): boolean {
  const userClass = message.options.get(DHCP_OPTION.userClass)?.toString('latin1') ?? '';
  return userClass === 'iPXE' || userClass.includes('\x04iPXE') || message.options.has(DHCP_OPTION.ipxe);
}

const NO_UUID = /^(0+|f+)$/;

/**
 * Option 97 (RFC 4578, 2.3) as SMBIOS tools print it: lower case with dashes. Null where it is absent, not of type 0,
 * all zeros or all ones. Firmware sends the SMBIOS bytes, whose first three fields are little-endian (SMBIOS 2.6, 7.2.1);
 * iPXE has already turned them.
 */
export function uuidOf(message: DhcpMessage): string | null {
  const value = message.options.get(DHCP_OPTION.clientMachineIdentifier);
  if (value?.length !== 17 || value.readUInt8() !== 0) return null;
  const hex = (isIpxe(message) ? value.subarray(1) : turned(value.subarray(1))).toString('hex');
  if (NO_UUID.test(hex)) return null;
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function turned(uuid: Buffer): Buffer {
  const fields = [uuid.subarray(0, 4), uuid.subarray(4, 6), uuid.subarray(6, 8)];
  return Buffer.concat([...fields.map((field) => Buffer.from(field).reverse()), uuid.subarray(8)]);
}

/** A sub-option of option 82 (RFC 3046, 2.0); null where it is absent or the option is malformed before it. */
export function relaySubOption(message: DhcpMessage, code: number): Buffer | null {
  const value = message.options.get(DHCP_OPTION.relayAgentInformation) ?? Buffer.alloc(0);
  for (let at = 0; at + 2 <= value.length;) {
    const length = value.readUInt8(at + 1);
    if (at + 2 + length > value.length) return null;
    if (value.readUInt8(at) === code) return value.subarray(at + 2, at + 2 + length);
    at += 2 + length;
  }
  return null;
}
