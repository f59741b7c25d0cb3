import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { messageOf } from '../../error.js';
import { probeDhcpServers, readInterfaces, type FoundDhcpServer } from '../../netboot/dhcp/index.js';
import type { Settings } from '../../platform/config/index.js';
import { failed, ok, warning, type Finding } from './finding.js';

interface NeededPort {
  protocol: 'udp' | 'tcp';
  port: number;
  purpose: string;
  setting: string;
}

function neededPorts(settings: Settings): NeededPort[] {
  const { boot, api, roles } = settings;
  return [
    ...(roles.includes('api')
      ? [{ protocol: 'tcp' as const, port: api.port, purpose: 'the API', setting: 'MUSTER_API_PORT' }]
      : []),
    ...(roles.includes('boot')
      ? [
          { protocol: 'udp' as const, port: boot.dhcpPort, purpose: 'DHCP', setting: 'MUSTER_BOOT_DHCP_PORT' },
          { protocol: 'udp' as const, port: boot.tftpPort, purpose: 'TFTP', setting: 'MUSTER_BOOT_TFTP_PORT' },
          { protocol: 'udp' as const, port: boot.proxyPort, purpose: 'proxyDHCP', setting: 'MUSTER_BOOT_PROXY_PORT' },
          { protocol: 'tcp' as const, port: boot.httpPort, purpose: 'boot files', setting: 'MUSTER_BOOT_HTTP_PORT' },
          { protocol: 'tcp' as const, port: boot.agentPort, purpose: 'the agent', setting: 'MUSTER_BOOT_AGENT_PORT' },
        ]
      : []),
  ];
}

/** Tries each port; a server of muster that runs already is the usual reason for one that is taken. */
export async function checkPorts(settings: Settings): Promise<Finding[]> {
  return Promise.all(
    neededPorts(settings).map(async (needed) => {
      const subject = `port ${needed.port}/${needed.protocol}`;
      const error = needed.protocol === 'udp' ? await tryUdp(needed.port) : await tryTcp(needed.port);
      if (error === null) return ok(subject, `free, for ${needed.purpose}`);
      const fix =
        error === 'EACCES'
          ? 'run as root'
          : `end what uses it (ss -lpn 'sport = :${needed.port}'), or set ${needed.setting}; a running muster is fine`;
      return failed(subject, `cannot be bound for ${needed.purpose}: ${error}`, fix);
    }),
  );
}

function tryUdp(port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4');
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.bind({ port, exclusive: true }, () => socket.close(() => resolve(null)));
  });
}

function tryTcp(port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(port, () => server.close(() => resolve(null)));
  });
}

/** Asks each boot interface for an address, as a machine does, and takes none: who offers beside muster? */
export async function checkOtherDhcp(
  settings: Settings,
  probe: (interfaceName: string) => Promise<FoundDhcpServer[]> = probeDhcpServers,
): Promise<Finding[]> {
  if (!settings.roles.includes('boot')) return [];
  const { interfaces } = settings.boot;
  const names = interfaces.length > 0 ? interfaces : readInterfaces().map(({ name }) => name);
  return Promise.all(names.map((name) => lookFor(name, probe)));
}

async function lookFor(name: string, probe: (name: string) => Promise<FoundDhcpServer[]>): Promise<Finding> {
  const subject = `DHCP on ${name}`;
  try {
    const others = (await probe(name)).filter(({ own }) => !own);
    if (others.length === 0) return ok(subject, 'no other server answers');
    const who = others.map(({ server, offered }) => (offered === null ? `${server} (proxyDHCP)` : server));
    const fix = 'end it, or let it give the addresses: muster subnets set NAME --mode proxy (or off)';
    return warning(subject, `another server answers: ${who.join(', ')}`, fix);
  } catch (error) {
    const fix = 'run as root, and end the DHCP client that holds port 68 there';
    return warning(subject, `cannot look for other servers: ${messageOf(error)}`, fix);
  }
}
