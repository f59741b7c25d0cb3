import type { RemoteInfo, Socket } from 'node:dgram';
import { messageOf } from '../../error.js';
import type { LeaseBook } from '../../networks/index.js';
import type { Logger } from '../../platform/log/index.js';
import { openUdp, type UdpOptions, type UdpSocket } from '../../platform/socket/index.js';
import {
  addressOption,
  decodeDhcp,
  DHCP_OPTION,
  encodeDhcp,
  macOf,
  maximumBytesOf,
  messageTypeOf,
  uuidOf,
  type DhcpMessage,
} from '../../protocol/dhcp/index.js';
import { formatAddress, type Ipv4 } from '../../protocol/ipv4/index.js';
import type { BootDecider, BootObserver } from '../boot-client.js';
import { RateLimit } from '../rate-limit.js';
import { DHCP_CLIENT_PORT, DHCP_SERVER_PORT, destinationOf } from './destination.js';
import { handleMessage, handleProxyRequest, type Handled, type HandlerContext, type Leases } from './handle-message.js';
import { OtherServers } from './other-servers.js';
import { readInterfaces, type ServedInterface } from './served-interface.js';

const RESCAN_MS = 5000;
/** Messages in hand at once; more are dropped, for clients ask again. */
const MOST_PENDING = 5000;
/** Some 800 messages: what waits longer than its client's patience is better dropped than answered late. */
const RECEIVE_BUFFER_BYTES = 1024 * 1024;

export interface DhcpServerOptions {
  leases: Leases & Pick<LeaseBook, 'subnets' | 'isElsewhere'>;
  boot: BootDecider;
  observer: BootObserver;
  log: Logger;
  /** Interfaces to answer on; empty: those that hold an address of a known subnet, also of one that comes later. */
  interfaces: readonly string[];
  requestsPerSecondPerSource: number;
  /** How often others are asked for; 0, the default: never. */
  lookForOthersMs?: number;
  /** 67 by default. */
  port?: number;
  /** 4011 by default. */
  proxyPort?: number;
  /** For tests: opens sockets somewhere else. */
  open?: (options: UdpOptions) => Promise<UdpSocket>;
  readInterfaces?: () => ServedInterface[];
}

interface Open {
  at: ServedInterface;
  sockets: Socket[];
  /** Hears what others tell clients; null: another program has the port. */
  listener: Socket | null;
}

/** DHCP and proxyDHCP: one socket per interface and port. */
export class DhcpServer {
  private readonly opened = new Map<string, Open>();
  private readonly limit: RateLimit;
  private readonly others: OtherServers;
  private readonly context: HandlerContext;
  private own: ReadonlySet<Ipv4> = new Set();
  private timer: NodeJS.Timeout | null = null;
  private pending = 0;
  private running = false;

  constructor(private readonly options: DhcpServerOptions) {
    this.limit = new RateLimit(options.requestsPerSecondPerSource);
    this.others = new OtherServers(
      options.lookForOthersMs ?? 0,
      () => this.askable(),
      (reason) => options.log.debug({ reason }, 'cannot ask for other DHCP servers'),
    );
    this.context = {
      leases: options.leases,
      boot: options.boot,
      isOwnAddress: (address) => this.own.has(address),
    };
  }

  /** Throws where a named interface cannot be listened on. */
  async start(): Promise<void> {
    this.running = true;
    for (const name of this.options.interfaces) await this.listenOn(this.interfaceNamed(name));
    await this.rescan();
    this.timer = setInterval(() => void this.rescan(), RESCAN_MS);
    this.timer.unref();
    this.others.start();
  }

  /** Messages in hand are finished, their replies are not sent. */
  stop(): Promise<void> {
    this.running = false;
    this.others.stop();
    if (this.timer !== null) clearInterval(this.timer);
    for (const name of [...this.opened.keys()]) this.closeOn(name);
    return Promise.resolve();
  }

  /** Names of the interfaces that are listened on. */
  get listening(): string[] {
    return [...this.opened.keys()].sort();
  }

  private interfaceNamed(name: string): ServedInterface {
    const found = this.interfaces().find((it) => it.name === name);
    return found ?? { name, addresses: [] };
  }

  private interfaces(): ServedInterface[] {
    return (this.options.readInterfaces ?? readInterfaces)();
  }

  /** Interfaces come, go and change their addresses while the server runs. */
  private async rescan(): Promise<void> {
    const present = this.interfaces();
    this.own = new Set(present.flatMap((it) => it.addresses.map(({ address }) => address)));
    for (const it of present) {
      const open = this.opened.get(it.name);
      if (open !== undefined) open.at = it;
      else if (this.isWanted(it)) await this.listenOn(it).catch((error: unknown) => this.cannotListen(it, error));
    }
    for (const name of [...this.opened.keys()]) {
      if (!present.some((it) => it.name === name) && !this.options.interfaces.includes(name)) this.closeOn(name);
    }
  }

  private isWanted(it: ServedInterface): boolean {
    if (this.options.interfaces.length > 0) return this.options.interfaces.includes(it.name);
    return it.addresses.some(({ address }) => {
      const subnet = this.options.leases.findSubnetContaining(address);
      return subnet !== null && subnet.mode !== 'off';
    });
  }

  private async listenOn(at: ServedInterface): Promise<void> {
    const open: Open = { at, sockets: [], listener: null };
    this.opened.set(at.name, open);
    try {
      await this.openSocket(open, this.options.port ?? DHCP_SERVER_PORT, (socket, bytes, from) => {
        this.take(
          bytes,
          open,
          from,
          (message) => handleMessage(message, open.at, this.context),
          (message, handled) => this.send(socket, message, handled),
        );
      });
      await this.openSocket(open, this.options.proxyPort ?? 4011, (socket, bytes, from) => {
        this.take(
          bytes,
          open,
          from,
          (message) => handleProxyRequest(message, open.at, this.context),
          (message, handled) => this.send(socket, message, handled, { address: from.address, port: from.port }),
        );
      });
      await this.listenForOthers(open);
    } catch (error) {
      this.closeOn(at.name);
      throw error;
    }
    this.options.log.info({ interface: at.name }, 'listening for DHCP');
  }

  private async openSocket(
    open: Open,
    port: number,
    onMessage: (socket: Socket, bytes: Buffer, from: RemoteInfo) => void,
  ): Promise<Socket> {
    const { socket } = await (this.options.open ?? openUdp)({
      port,
      interface: open.at.name,
      broadcast: true,
      reuseAddress: true,
      receiveBufferBytes: RECEIVE_BUFFER_BYTES,
    });
    open.sockets.push(socket);
    socket.on('message', (bytes, from) => onMessage(socket, bytes, from));
    socket.on('error', (error) =>
      this.options.log.warn({ interface: open.at.name, error: error.message }, 'DHCP socket'),
    );
    return socket;
  }

  /** OFFERs and ACKs of others are broadcast to the client's port. Not vital: another program may have the port. */
  private async listenForOthers(open: Open): Promise<void> {
    try {
      const hear = (_: Socket, bytes: Buffer) => this.noteOther(bytes, open);
      open.listener = await this.openSocket(open, DHCP_CLIENT_PORT, hear);
    } catch (error) {
      this.options.log.debug(
        { interface: open.at.name, error: messageOf(error) },
        'cannot listen for other DHCP servers',
      );
    }
  }

  /** Where every address is ours to give: beside another server (proxy) nobody need be told of it. */
  private *askable(): Generator<Socket> {
    const { leases } = this.options;
    for (const { at, listener } of this.opened.values()) {
      const subnets = at.addresses.flatMap(({ address }) => leases.findSubnetContaining(address) ?? []);
      const isOurs = subnets.length > 0 && subnets.every((it) => it.mode === 'serve' && !leases.isElsewhere(it));
      if (listener !== null && isOurs) yield listener;
    }
  }

  private noteOther(bytes: Buffer, open: Open): void {
    const { message } = decodeDhcp(bytes);
    const server = message === undefined ? null : addressOption(message, DHCP_OPTION.serverIdentifier);
    if (message === undefined || message.op !== 'reply' || server === null || this.own.has(server)) return;
    if (!this.limit.allows(`server ${server}`)) return;
    const type = messageTypeOf(message) ?? 'reply';
    const otherServer = formatAddress(server);
    this.options.log.warn({ interface: open.at.name, otherServer, type }, 'another DHCP server answers here');
    if (this.others.isOurs(message)) return;
    this.observe(message, {
      reply: null,
      event: { stage: 'dhcp offer', message: `${otherServer} answered too: ${type}`, details: { otherServer } },
      reason: null,
    });
  }

  private closeOn(name: string): void {
    for (const socket of this.opened.get(name)?.sockets ?? []) socket.close();
    this.opened.delete(name);
  }

  private cannotListen(at: ServedInterface, error: unknown): void {
    this.options.log.error({ interface: at.name, error: messageOf(error) }, 'cannot listen for DHCP');
  }

  /** Nothing that a packet does ends the process: everything thrown ends here. */
  private take(
    bytes: Buffer,
    open: Open,
    from: RemoteInfo,
    handle: (message: DhcpMessage) => Handled | Promise<Handled>,
    send: (message: DhcpMessage, handled: Handled) => void,
  ): void {
    // From port 0 ("not used", RFC 768) no answer could go back.
    if (from.port === 0) return;
    const { message, problem } = decodeDhcp(bytes);
    if (message === undefined) {
      this.options.log.debug({ from: from.address, interface: open.at.name, problem }, 'not a DHCP message');
      return;
    }
    // Sent to everybody, so to us as well.
    if (this.others.isOurs(message)) return;
    if (message.op !== 'request' || this.pending >= MOST_PENDING || !this.limit.allows(sourceOf(message, from))) return;
    this.pending++;
    void this.answer(message, handle, send).finally(() => this.pending--);
  }

  private async answer(
    message: DhcpMessage,
    handle: (message: DhcpMessage) => Handled | Promise<Handled>,
    send: (message: DhcpMessage, handled: Handled) => void,
  ): Promise<void> {
    const mac = macOf(message);
    try {
      const handled = await handle(message);
      if (handled.reason !== null) this.options.log.debug({ mac, reason: handled.reason }, 'DHCP');
      if (!this.running) return;
      send(message, handled);
      this.observe(message, handled);
    } catch (error) {
      this.options.log.error({ mac, error: messageOf(error) }, 'cannot answer a DHCP message');
    }
  }

  private send(socket: Socket, request: DhcpMessage, { reply }: Handled, to?: { address: string; port: number }): void {
    if (reply === null) return;
    const { port, address } = to ?? destinationOf(request, messageTypeOf(reply) ?? 'ack');
    socket.send(encodeDhcp(reply, maximumBytesOf(request)), port, address, (error) => {
      if (error !== null) this.options.log.warn({ address, error: error.message }, 'cannot send a DHCP reply');
    });
  }

  private observe(message: DhcpMessage, { event, reply }: Handled): void {
    if (event === null) return;
    const given = reply?.yiaddr ?? 0;
    try {
      this.options.observer.seen({
        at: new Date(),
        mac: macOf(message),
        uuid: uuidOf(message),
        address: given === 0 ? null : formatAddress(given),
        ...event,
      });
    } catch (error) {
      this.options.log.warn({ error: messageOf(error) }, 'cannot record what was seen of a machine');
    }
  }
}

/** A relay speaks for many clients, and clients without an address share 0.0.0.0: the hardware address tells them apart. */
function sourceOf(message: DhcpMessage, from: RemoteInfo): string {
  return message.chaddr.length > 0 ? message.chaddr.toString('hex') : from.address;
}
