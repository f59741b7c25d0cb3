import { BlockList, isIP } from 'node:net';
import { MusterError } from '../../error.js';

/** Where this server may connect to on someone's word. */
export interface OutgoingPolicy {
  /** With the colon; `['https:', 'http:']` by default. */
  schemes?: readonly string[];
  /** This computer itself and its links' neighbours, which may trust us more than they trust the author of a URL. */
  allowLocal?: boolean;
}

const DEFAULT_SCHEMES = ['https:', 'http:'];

/** The ranges of RFC 6890 that are this host, this link, or no host at all; addresses mapped into IPv6 are seen through. */
const LOCAL = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 4],
  ['255.255.255.255', 32],
] as const) {
  LOCAL.addSubnet(network, prefix, 'ipv4');
}
for (const [network, prefix] of [
  ['::', 128],
  ['::1', 128],
  ['fe80::', 10],
  ['ff00::', 8],
  // NAT64 (RFC 6052) of the IPv4 ranges above.
  ['64:ff9b::7f00:0', 104],
  ['64:ff9b::a9fe:0', 112],
] as const) {
  LOCAL.addSubnet(network, prefix, 'ipv6');
}

export function parseAllowedUrl(text: string, policy: OutgoingPolicy, base?: URL): URL {
  let url: URL;
  try {
    url = new URL(text, base);
  } catch (error) {
    throw new MusterError('invalid', `cannot use "${text.slice(0, 200)}" as a URL`, { cause: error });
  }
  const schemes = policy.schemes ?? DEFAULT_SCHEMES;
  if (!schemes.includes(url.protocol)) {
    throw new MusterError('invalid', `cannot fetch ${url.href}: only ${schemes.join(' and ')} may be used`);
  }
  // It would be sent in the clear, and end in logs.
  if (url.username !== '' || url.password !== '') {
    throw new MusterError('invalid', `cannot fetch from ${url.host}: a URL must not hold a user name or password`);
  }
  return url;
}

/** The first of these addresses that may be connected to. */
export function chooseAddress(host: string, addresses: readonly string[], policy: OutgoingPolicy): string {
  const allowed = addresses.find((address) => policy.allowLocal === true || !isLocal(address));
  if (allowed !== undefined) return allowed;
  const found = addresses.length === 0 ? 'it has no address' : `${addresses.join(', ')} is this computer or its link`;
  throw new MusterError('forbidden', `cannot connect to ${host}: ${found}`);
}

export function isLocal(address: string): boolean {
  const family = isIP(address);
  return family === 0 || LOCAL.check(address, family === 4 ? 'ipv4' : 'ipv6');
}
