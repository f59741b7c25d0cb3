import { randomBytes } from 'node:crypto';
import { openUdp } from '../../platform/socket/index.js';
import {
  addressOption,
  decodeDhcp,
  DHCP_OPTION,
  encodeDhcp,
  messageTypeOf,
  messageTypeValue,
  textOption,
  type DhcpMessage,
} from '../../protocol/dhcp/index.js';
import { formatAddress } from '../../protocol/ipv4/index.js';
import { DHCP_CLIENT_PORT, DHCP_SERVER_PORT } from './destination.js';
import { readInterfaces } from './served-interface.js';

/** A DHCP or proxyDHCP server that answered a probe. */
export interface FoundDhcpServer {
  interface: string;
  /** Option 54. */
  server: string;
  /** What it offered; null: a proxyDHCP server, which gives no address. */
  offered: string | null;
  bootFile: string | null;
  /** Whether it is this computer. */
  own: boolean;
}

/**
 * Sends a DISCOVER through an interface as a PXE client would, and gives who offers within `waitMs`. Takes no address:
 * the offers lapse. Throws where port 68 or the interface cannot be had (root, and no DHCP client on it).
 */
export async function probeDhcpServers(interfaceName: string, waitMs = 3000): Promise<FoundDhcpServer[]> {
  const { socket } = await openUdp({
    port: DHCP_CLIENT_PORT,
    interface: interfaceName,
    broadcast: true,
    reuseAddress: true,
  });
  const probe = discoverOfNobody();
  const found = new Map<string, FoundDhcpServer>();
  const own = new Set(readInterfaces().flatMap((it) => it.addresses.map(({ address }) => address)));
  socket.on('message', (bytes) => {
    const { message } = decodeDhcp(bytes);
    const server = message === undefined ? null : addressOption(message, DHCP_OPTION.serverIdentifier);
    if (message?.xid !== probe.xid || server === null || messageTypeOf(message) !== 'offer') return;
    found.set(formatAddress(server), {
      interface: interfaceName,
      server: formatAddress(server),
      offered: message.yiaddr === 0 ? null : formatAddress(message.yiaddr),
      bootFile: textOption(message, DHCP_OPTION.bootFileName) ?? (message.file === '' ? null : message.file),
      own: own.has(server),
    });
  });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.on('error', reject);
      socket.send(encodeDhcp(probe), DHCP_SERVER_PORT, '255.255.255.255', (error) => {
        if (error !== null) reject(error);
      });
      setTimeout(resolve, waitMs);
    });
  } finally {
    socket.close();
  }
  return [...found.values()].sort((a, b) => (a.server < b.server ? -1 : 1));
}

/** As of a PXE client, so that proxyDHCP servers answer too; of a locally administered MAC that no machine has. */
export function discoverOfNobody(): DhcpMessage {
  const random = randomBytes(9);
  return {
    op: 'request',
    htype: 1,
    hops: 0,
    xid: random.readUInt32BE(5),
    secs: 0,
    broadcast: true,
    ciaddr: 0,
    yiaddr: 0,
    siaddr: 0,
    giaddr: 0,
    chaddr: Buffer.concat([Buffer.from([0x02]), random.subarray(0, 5)]),
    sname: '',
    file: '',
    options: new Map<number, Buffer>([
      [DHCP_OPTION.messageType, messageTypeValue('discover')],
      [DHCP_OPTION.parameterRequestList, Buffer.from([1, 3, 6, 51, 54, 60, 66, 67])],
      [DHCP_OPTION.vendorClass, Buffer.from('PXEClient:Arch:00000:UNDI:002001')],
      [DHCP_OPTION.clientArchitecture, Buffer.from([0, 0])],
      [DHCP_OPTION.clientNetworkInterface, Buffer.from([1, 2, 1])],
    ]),
  };
}
