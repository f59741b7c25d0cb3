import type { DhcpMessage, DhcpMessageType } from '../../protocol/dhcp/index.js';
import { formatAddress } from '../../protocol/ipv4/index.js';

export const DHCP_SERVER_PORT = 67;
export const DHCP_CLIENT_PORT = 68;

/**
 * Where a reply goes (RFC 2131, 4.1): to the relay, to the client's own address, else to everybody on the link. A client
 * that has no address yet is never sent a unicast: without a raw socket the kernel would ask for its MAC by ARP in vain,
 * and every client takes the broadcast.
 */
export function destinationOf(request: DhcpMessage, type: DhcpMessageType): { address: string; port: number } {
  if (request.giaddr !== 0) return { address: formatAddress(request.giaddr), port: DHCP_SERVER_PORT };
  if (type !== 'nak' && request.ciaddr !== 0) return { address: formatAddress(request.ciaddr), port: DHCP_CLIENT_PORT };
  return { address: '255.255.255.255', port: DHCP_CLIENT_PORT };
}
