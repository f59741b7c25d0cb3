import {
  addressOption,
  DHCP_OPTION,
  messageTypeValue,
  textOption,
  type DhcpMessage,
} from '../../protocol/dhcp/index.js';
import { addressToBytes, type Ipv4 } from '../../protocol/ipv4/index.js';
import type { SimulatedMachine } from './simulated-machine.js';

/** Which program of the machine asks: its firmware, or the iPXE that the firmware fetched. */
export type BootProgram = 'firmware' | 'ipxe';

export interface OfferedBoot {
  address: Ipv4;
  /** Option 54. */
  server: Ipv4;
  /** Where the boot file is. */
  nextServer: Ipv4;
  /** A name for TFTP, or a URL; null: there is nothing to boot. */
  bootFile: string | null;
}

/** A DISCOVER as a relay agent passes it on (RFC 2131, 4.1; RFC 1542, 4.1.1). */
export function discover(machine: SimulatedMachine, program: BootProgram, xid: number, giaddr: Ipv4): DhcpMessage {
  return message(machine, program, xid, giaddr, [[DHCP_OPTION.messageType, messageTypeValue('discover')]]);
}

/** The REQUEST of a client that selects an offer (RFC 2131, 4.3.2). */
export function request(
  machine: SimulatedMachine,
  program: BootProgram,
  xid: number,
  giaddr: Ipv4,
  offer: OfferedBoot,
): DhcpMessage {
  return message(machine, program, xid, giaddr, [
    [DHCP_OPTION.messageType, messageTypeValue('request')],
    [DHCP_OPTION.requestedAddress, addressToBytes(offer.address)],
    [DHCP_OPTION.serverIdentifier, addressToBytes(offer.server)],
  ]);
}

/** What an OFFER or ACK says; null where it gives no address or names no server. */
export function readOffer(reply: DhcpMessage): OfferedBoot | null {
  const server = addressOption(reply, DHCP_OPTION.serverIdentifier);
  if (server === null || reply.yiaddr === 0) return null;
  const option = textOption(reply, DHCP_OPTION.bootFileName);
  const bootFile = option ?? (reply.file === '' ? null : reply.file);
  return { address: reply.yiaddr, server, nextServer: reply.siaddr === 0 ? server : reply.siaddr, bootFile };
}

function message(
  machine: SimulatedMachine,
  program: BootProgram,
  xid: number,
  giaddr: Ipv4,
  first: [number, Buffer][],
): DhcpMessage {
  return {
    op: 'request',
    htype: 1,
    hops: 1,
    xid,
    secs: 0,
    broadcast: true,
    ciaddr: 0,
    yiaddr: 0,
    siaddr: 0,
    giaddr,
    chaddr: Buffer.from(machine.mac.replaceAll(':', ''), 'hex'),
    sname: '',
    file: '',
    options: new Map([...first, ...optionsOf(machine, program)]),
  };
}

/** As SeaBIOS's iPXE sends them, and as iPXE does once it runs by itself. */
function optionsOf(machine: SimulatedMachine, program: BootProgram): [number, Buffer][] {
  const common: [number, Buffer][] = [
    [DHCP_OPTION.parameterRequestList, Buffer.from([1, 3, 6, 12, 15, 43, 60, 66, 67, 175])],
    [DHCP_OPTION.maximumMessageSize, Buffer.from([0x05, 0xc0])],
    [DHCP_OPTION.vendorClass, Buffer.from('PXEClient:Arch:00000:UNDI:002001')],
    [DHCP_OPTION.clientArchitecture, Buffer.from([0, 0])],
    [DHCP_OPTION.clientNetworkInterface, Buffer.from([1, 2, 1])],
    [DHCP_OPTION.clientMachineIdentifier, uuidValue(machine.uuid, program)],
  ];
  if (program === 'firmware') return common;
  // Sub-option 19 (0x13): it speaks HTTP.
  return [...common, [DHCP_OPTION.userClass, Buffer.from('iPXE')], [DHCP_OPTION.ipxe, Buffer.from([0x13, 1, 1])]];
}

/** RFC 4578, 2.3. Firmware sends SMBIOS's bytes, three fields of which are little-endian; iPXE has turned them. */
function uuidValue(uuid: string, program: BootProgram): Buffer {
  const bytes = Buffer.from(uuid.replaceAll('-', ''), 'hex');
  if (program === 'firmware') {
    bytes.subarray(0, 4).reverse();
    bytes.subarray(4, 6).reverse();
    bytes.subarray(6, 8).reverse();
  }
  return Buffer.concat([Buffer.from([0]), bytes]);
}
