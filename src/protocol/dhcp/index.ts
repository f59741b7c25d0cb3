export { decodeDhcp, type DecodedDhcp } from './decode.js';
export { encodeDhcp } from './encode.js';
export { DHCP_OPTION, type DhcpMessage, type DhcpMessageType } from './message.js';
export * from './options.js';
