import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { MusterError } from '../../error.js';
import { decodeTftp, encodeTftp, TFTP_ERROR, type TftpPacket } from '../../protocol/tftp/index.js';

const TFTP_PORT = 69;
/** What iPXE asks for: one Ethernet frame, less all headers. */
const BLOCK_BYTES = 1432;
const WAIT_MS = 1000;
const TRIES = 8;

export interface TftpFetch {
  /** The machine's own address. */
  from: string;
  server: string;
  name: string;
  /** False: learns the size and stops, as UEFI firmware does before it fetches a file. */
  whole: boolean;
  onRetry: () => void;
}

/** Bytes that came. Throws (`unavailable`) where the server falls silent, `not-found` where it refuses. */
export async function fetchByTftp(fetch: TftpFetch): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind({ address: fetch.from, port: 0, exclusive: true });
  await once(socket, 'listening');
  const reader = new TftpReader(socket, fetch);
  try {
    return await reader.run();
  } finally {
    socket.close();
  }
}

/** Reads one file in lock step (RFC 1350), with block size and size negotiated (RFC 2347 to 2349). */
class TftpReader {
  private bytes = 0;
  private expected = 1;
  private blockBytes = 512;
  private tries = 0;
  private timer: NodeJS.Timeout | undefined;
  private last: { packet: Buffer; port: number };
  private done: ((result: number | Error) => void) | null = null;

  constructor(
    private readonly socket: Socket,
    private readonly fetch: TftpFetch,
  ) {
    const options = new Map([
      ['blksize', String(BLOCK_BYTES)],
      ['tsize', '0'],
    ]);
    this.last = { packet: encodeTftp({ kind: 'read', name: fetch.name, mode: 'octet', options }), port: TFTP_PORT };
  }

  run(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.done = (result) => {
        clearTimeout(this.timer);
        this.done = null;
        if (typeof result === 'number') resolve(result);
        else reject(result);
      };
      this.socket.on('message', (bytes, from) => this.onPacket(bytes, from));
      this.socket.on('error', (error) => this.done?.(error));
      this.sendLast();
    });
  }

  private sendLast(): void {
    this.socket.send(this.last.packet, this.last.port, this.fetch.server);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.onSilence(), WAIT_MS);
  }

  private onSilence(): void {
    this.tries += 1;
    if (this.tries > TRIES) {
      this.done?.(new MusterError('unavailable', `no more of ${this.fetch.name} comes after ${this.bytes} bytes`));
      return;
    }
    this.fetch.onRetry();
    this.sendLast();
  }

  private reply(packet: TftpPacket, port: number): void {
    this.last = { packet: encodeTftp(packet), port };
    this.tries = 0;
    this.sendLast();
  }

  private onPacket(bytes: Buffer, from: RemoteInfo): void {
    const { packet } = decodeTftp(bytes);
    if (packet === undefined || this.done === null) return;
    if (packet.kind === 'error') {
      this.done(new MusterError('not-found', `cannot fetch ${this.fetch.name}: ${packet.message}`));
    } else if (packet.kind === 'oack') {
      this.blockBytes = Number(packet.options.get('blksize') ?? 512);
      if (this.fetch.whole) this.reply({ kind: 'ack', block: 0 }, from.port);
      else this.stop(from.port);
    } else if (packet.kind === 'data' && packet.block === (this.expected & 0xffff)) {
      this.take(packet, from.port);
    }
  }

  private take({ block, data }: Extract<TftpPacket, { kind: 'data' }>, port: number): void {
    this.bytes += data.length;
    this.expected += 1;
    this.reply({ kind: 'ack', block }, port);
    if (data.length < this.blockBytes) this.done?.(this.bytes);
  }

  private stop(port: number): void {
    const code = TFTP_ERROR.optionsRefused;
    this.socket.send(encodeTftp({ kind: 'error', code, message: 'size known' }), port, this.fetch.server, () =>
      this.done?.(0),
    );
  }
}
