import type { LeaseClient, Subnet } from '../../networks/index.js';
import {
  architectureOf,
  clientIdOf,
  DHCP_OPTION,
  isIpxe,
  macOf,
  textOption,
  uuidOf,
  type DhcpMessage,
} from '../../protocol/dhcp/index.js';
import { formatAddress, type Ipv4 } from '../../protocol/ipv4/index.js';
import type { BootClient } from '../boot-client.js';

/** What a message says of its sender, for the lease. */
export function leaseClientOf(message: DhcpMessage): LeaseClient {
  return {
    mac: macOf(message),
    uuid: uuidOf(message),
    clientId: clientIdOf(message),
    hostname: hostnameOf(message),
  };
}

/** Null where the sender has no MAC: nothing boots without one. */
export function bootClientOf(message: DhcpMessage, subnet: Subnet, serverAddress: Ipv4): BootClient | null {
  const mac = macOf(message);
  if (mac === null) return null;
  const vendorClass = textOption(message, DHCP_OPTION.vendorClass) ?? '';
  return {
    mac,
    uuid: uuidOf(message),
    architecture: architectureOf(message),
    isIpxe: isIpxe(message),
    isHttpClient: vendorClass.startsWith('HTTPClient'),
    isPxeClient: vendorClass.startsWith('PXEClient'),
    serverAddress: formatAddress(serverAddress),
    unknownMachines: subnet.unknownMachines,
  };
}

/** Only what can be a host name (RFC 1123, 2.1): the text goes into logs and pages. */
function hostnameOf(message: DhcpMessage): string | null {
  const name = textOption(message, DHCP_OPTION.hostName);
  return name !== null && /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i.test(name) ? name : null;
}
