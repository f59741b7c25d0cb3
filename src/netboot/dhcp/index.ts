export { DhcpServer, type DhcpServerOptions } from './dhcp-server.js';
export { probeDhcpServers, type FoundDhcpServer } from './probe.js';
export { readInterfaces } from './served-interface.js';
