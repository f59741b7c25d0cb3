import type { RemoteInfo, Socket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { messageOf } from '../../error.js';
import type { Logger } from '../../platform/log/index.js';
import { openUdp, type UdpOptions, type UdpSocket } from '../../platform/socket/index.js';
import {
  decodeTftp,
  DEFAULT_LIMITS,
  encodeTftp,
  TFTP_ERROR,
  toNetascii,
  type TftpPacket,
  type TransferLimits,
} from '../../protocol/tftp/index.js';
import type { BootEvent, BootObserver, BootStage } from '../boot-client.js';
import { RateLimit } from '../rate-limit.js';
import { FileCache } from './file-cache.js';
import { TransferRunner, type TransferEnd } from './transfer.js';

const TFTP_PORT = 69;
const RESCAN_MS = 5000;
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
/** A window of 64 blocks, several times. */
const SEND_BUFFER_BYTES = 1024 * 1024;

/** The manifest of boot files, by exact name. */
export interface BootFileReader {
  find(name: string): { path: string } | null;
}

export interface TftpClient {
  address: string;
  /** Where it asked. */
  serverAddress: string;
}

export interface TftpContent {
  source: Buffer | { path: string };
  stage: BootStage;
  /** What events call it: a name on the wire may hold a secret. */
  label: string;
}

interface Sent extends Omit<TftpContent, 'source'> {
  bytes: Buffer;
}

export interface TftpServerOptions {
  files: BootFileReader;
  /** What is made for the client, or has another name than its file. Null: no such name. Asked first. */
  content?: (name: string, client: TftpClient) => Promise<TftpContent | null>;
  observer: BootObserver;
  /** Whose address this is, where a lease tells. */
  whoIs?: (address: string) => { mac: string | null; uuid: string | null } | null;
  log: Logger;
  requestsPerSecondPerSource: number;
  /** Interfaces to answer on; empty: all. */
  interfaces: readonly string[];
  /** 64 by default. */
  transfersPerSource?: number;
  /** 4096 by default. */
  transfersAtOnce?: number;
  /** 69 by default. */
  port?: number;
  limits?: TransferLimits;
  /** For tests: opens sockets somewhere else, and says what addresses are there. */
  open?: (options: UdpOptions) => Promise<UdpSocket>;
  readAddresses?: () => string[];
}

type Request = Extract<TftpPacket, { kind: 'read' | 'write' }>;
type Client = Pick<RemoteInfo, 'address' | 'port'>;

/** Read-only TFTP: exact names from a manifest, each transfer on a port of its own. */
export class TftpServer {
  private readonly listeners = new Map<string, Socket>();
  /** By client address and port. Null while it is being opened. */
  private readonly transfers = new Map<string, TransferRunner | null>();
  private readonly perSource = new Map<string, number>();
  private readonly cache = new FileCache();
  private readonly limit: RateLimit;
  private timer: NodeJS.Timeout | null = null;

  constructor(private readonly options: TftpServerOptions) {
    this.limit = new RateLimit(options.requestsPerSecondPerSource);
  }

  /** One listener per address, so that replies come from where the client asked. Throws where none can be opened. */
  async start(): Promise<void> {
    for (const address of this.addresses()) await this.listenOn(address);
    this.timer = setInterval(() => void this.rescan(), RESCAN_MS);
    this.timer.unref();
  }

  stop(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    for (const socket of this.listeners.values()) socket.close();
    this.listeners.clear();
    for (const transfer of [...this.transfers.values()]) transfer?.stop();
    return Promise.resolve();
  }

  /** Addresses that are listened on. */
  get listening(): string[] {
    return [...this.listeners.keys()].sort();
  }

  get transfersNow(): number {
    return this.transfers.size;
  }

  private addresses(): string[] {
    if (this.options.readAddresses !== undefined) return this.options.readAddresses();
    const { interfaces } = this.options;
    return Object.entries(networkInterfaces())
      .filter(([name]) => interfaces.length === 0 || interfaces.includes(name))
      .flatMap(([, entries = []]) => entries.filter((it) => it.family === 'IPv4').map((it) => it.address));
  }

  private async rescan(): Promise<void> {
    const present = this.addresses();
    for (const address of present) {
      if (this.listeners.has(address)) continue;
      await this.listenOn(address).catch((error: unknown) => {
        this.options.log.error({ address, error: messageOf(error) }, 'cannot listen for TFTP');
      });
    }
    for (const [address, socket] of this.listeners) {
      if (present.includes(address)) continue;
      socket.close();
      this.listeners.delete(address);
    }
  }

  private async listenOn(address: string): Promise<void> {
    const { socket } = await (this.options.open ?? openUdp)({
      address,
      port: this.options.port ?? TFTP_PORT,
      receiveBufferBytes: RECEIVE_BUFFER_BYTES,
    });
    this.listeners.set(address, socket);
    socket.on('message', (bytes, from) => this.onRequest(bytes, from, address, socket));
    socket.on('error', (error) => this.options.log.warn({ address, error: error.message }, 'TFTP socket'));
    this.options.log.info({ address }, 'listening for TFTP');
  }

  /** Nothing that a packet does ends the process: everything thrown ends here. */
  private onRequest(bytes: Buffer, from: RemoteInfo, serverAddress: string, socket: Socket): void {
    // A datagram may come from port 0 (RFC 768: "not used"); none can go there, and Node throws at the attempt.
    if (from.port === 0 || !this.limit.allows(from.address)) return;
    const { packet, problem } = decodeTftp(bytes);
    if (packet === undefined) {
      this.options.log.debug({ from: from.address, problem }, 'not a TFTP packet');
      if (isRequest(bytes)) this.refuse(socket, from, TFTP_ERROR.illegalOperation, 'malformed request');
    } else if (packet.kind === 'write') {
      this.refuse(socket, from, TFTP_ERROR.accessViolation, 'nothing is written here');
    } else if (packet.kind === 'read') {
      this.serve(packet, from, serverAddress, socket).catch((error: unknown) => {
        this.options.log.error(
          { from: from.address, file: packet.name, error: messageOf(error) },
          'cannot serve a boot file',
        );
        this.refuse(socket, from, TFTP_ERROR.undefined, 'the file cannot be read now');
      });
    }
  }

  private async serve(request: Request, from: Client, serverAddress: string, socket: Socket): Promise<void> {
    const key = `${from.address} ${from.port}`;
    // The request sent again before our answer came: the answer is sent again by its own timer.
    if (this.transfers.has(key)) return;
    if (request.mode !== 'octet' && request.mode !== 'netascii') {
      this.refuse(socket, from, TFTP_ERROR.illegalOperation, `unknown mode ${request.mode}`);
      return;
    }
    if (!this.hasRoomFor(from.address)) return;
    this.transfers.set(key, null);
    this.count(from.address, 1);
    let running = false;
    try {
      const content = await this.contentOf(request.name, from.address, serverAddress);
      if (content === null) this.refuseUnknown(socket, from, request.name);
      else {
        await this.beginTransfer(key, request, from, serverAddress, content);
        running = true;
      }
    } finally {
      if (!running) this.forget(key, from.address);
    }
  }

  private hasRoomFor(address: string): boolean {
    const { transfersAtOnce = 4096, transfersPerSource = 64 } = this.options;
    return this.transfers.size < transfersAtOnce && (this.perSource.get(address) ?? 0) < transfersPerSource;
  }

  private count(address: string, change: 1 | -1): void {
    const next = (this.perSource.get(address) ?? 0) + change;
    if (next > 0) this.perSource.set(address, next);
    else this.perSource.delete(address);
  }

  private forget(key: string, address: string): void {
    if (this.transfers.delete(key)) this.count(address, -1);
  }

  /** GRUB asks with a slash in front. All else must be as the manifest has it: no path is ever walked. */
  private async contentOf(name: string, address: string, serverAddress: string): Promise<Sent | null> {
    const exact = name.replace(/^\/+/, '');
    const made = (await this.options.content?.(exact, { address, serverAddress })) ?? this.fileOf(exact);
    if (made === null) return null;
    const { source, ...rest } = made;
    return { ...rest, bytes: Buffer.isBuffer(source) ? source : await this.cache.read(source.path) };
  }

  private fileOf(name: string): TftpContent | null {
    const file = this.options.files.find(name);
    return file === null ? null : { source: file, stage: 'boot file', label: name };
  }

  private async beginTransfer(
    key: string,
    request: Request,
    client: Client,
    serverAddress: string,
    { bytes, stage, label }: Sent,
  ): Promise<void> {
    const udp = await (this.options.open ?? openUdp)({
      address: serverAddress,
      port: 0,
      sendBufferBytes: SEND_BUFFER_BYTES,
    });
    await connected(udp.socket, client).catch((error: unknown) => {
      udp.socket.close();
      throw error;
    });
    const sent = request.mode === 'octet' ? bytes : toNetascii(bytes);
    const onEnd = (end: TransferEnd) => {
      this.forget(key, client.address);
      this.observe(client.address, { stage, ...endEvent(label, sent.length, end) });
    };
    const limits = this.options.limits ?? DEFAULT_LIMITS;
    this.transfers.set(key, new TransferRunner(udp, sent, onEnd, request.options, limits));
  }

  private refuse(socket: Socket, to: Client, code: number, message: string): void {
    socket.send(encodeTftp({ kind: 'error', code, message }), to.port, to.address, (error) => {
      if (error !== null) this.options.log.debug({ to: to.address, error: error.message }, 'cannot send a TFTP error');
    });
  }

  private refuseUnknown(socket: Socket, from: Client, name: string): void {
    this.refuse(socket, from, TFTP_ERROR.fileNotFound, 'no such file');
    const file = printable(name);
    this.observe(from.address, {
      stage: 'boot file',
      message: `asked for ${file}: there is no such file`,
      details: { file, bytes: 0, aborted: true, found: false },
    });
  }

  private observe(address: string, event: Pick<BootEvent, 'stage' | 'message' | 'details'>): void {
    try {
      const who = this.options.whoIs?.(address) ?? { mac: null, uuid: null };
      this.options.observer.seen({ at: new Date(), ...who, address, ...event });
    } catch (error) {
      this.options.log.warn({ error: messageOf(error) }, 'cannot record what was seen of a machine');
    }
  }
}

function isRequest(bytes: Buffer): boolean {
  return bytes.length >= 2 && (bytes.readUInt16BE(0) === 1 || bytes.readUInt16BE(0) === 2);
}

/** A connected socket hears its client alone, and sends without looking the address up each time. */
function connected(socket: Socket, { address, port }: Client): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.connect(port, address, () => {
      socket.off('error', reject);
      resolve();
    });
  });
}

function endEvent(name: string, sizeBytes: number, end: TransferEnd): Pick<BootEvent, 'message' | 'details'> {
  const file = printable(name);
  const { bytes, aborted, repeated, seconds } = end;
  // OVMF asks for the size alone, aborts by error 8, then asks again.
  const probe = aborted !== null && bytes === 0 && aborted.includes('error 8');
  const message = probe
    ? `asked for the size of ${file}`
    : aborted === null
      ? `sent ${file}, ${bytes} bytes in ${seconds.toFixed(2)} s`
      : `sent ${bytes} of ${sizeBytes} bytes of ${file}: ${printable(aborted)}`;
  return { message, details: { file, bytes, sizeBytes, aborted: aborted !== null && !probe, probe, repeated } };
}

/** A text from the network, fit for a log and a terminal, and without what may be a nonce. */
function printable(text: string): string {
  return text
    .replace(/[^\x20-\x7e]/g, '?')
    .replace(/(boot\/n\/)[^/]*/, '$1…')
    .slice(0, 120);
}
