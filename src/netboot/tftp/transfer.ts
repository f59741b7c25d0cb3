import type { Socket } from 'node:dgram';
import { setSegmentation, type UdpSocket } from '../../platform/socket/index.js';
import {
  beginRead,
  decodeTftp,
  encodeTftp,
  stepRead,
  waitMs,
  type ReadTransfer,
  type TransferEvent,
  type TransferLimits,
  type TransferOutput,
} from '../../protocol/tftp/index.js';

const HEADER_BYTES = 4;
const DATA_OPCODE = 3;
/** What one send may hold: a datagram's payload, and 64 segments (Linux UDP_MAX_SEGMENTS before 6.9). */
const LARGEST_SEND_BYTES = 65_507;
const MOST_SEGMENTS = 64;

/** How a transfer ended. */
export interface TransferEnd {
  /** Acknowledged bytes. */
  bytes: number;
  /** Null where every byte was acknowledged. */
  aborted: string | null;
  /** Blocks sent more than once. */
  repeated: number;
  seconds: number;
}

/** One read on its own socket, connected to its client: the transfer machine, driven by packets and a timer. */
export class TransferRunner {
  private transfer: ReadTransfer;
  private timer: NodeJS.Timeout | null = null;
  private readonly begun = performance.now();
  private readonly socket: Socket;
  private segments = 1;

  /** `socket` must be connected to the client. `onEnd` is called once; then the socket is closed. */
  constructor(
    private readonly udp: UdpSocket,
    private readonly content: Buffer,
    private readonly onEnd: (end: TransferEnd) => void,
    asked: ReadonlyMap<string, string>,
    limits: TransferLimits,
  ) {
    this.socket = udp.socket;
    const begin = beginRead(asked, content.length, limits);
    this.transfer = begin.transfer;
    this.segments = this.segmentsAtOnce();
    this.socket.on('message', (bytes) => this.onMessage(bytes));
    // The client's port is closed (ICMP), or the network went away.
    this.socket.on('error', (error) => this.end(error.message));
    this.send(begin.send);
    this.arm();
  }

  /** Ends it at once: the server stops. */
  stop(): void {
    if (this.timer !== null) this.end('the server stops');
  }

  private onMessage(bytes: Buffer): void {
    const { packet } = decodeTftp(bytes);
    if (packet !== undefined) this.step({ kind: 'packet', packet });
  }

  private step(event: TransferEvent): void {
    const before = this.transfer;
    const { transfer, send } = stepRead(before, event);
    this.transfer = transfer;
    this.send(send);
    if (transfer.phase === 'done') this.end(null);
    else if (transfer.phase === 'aborted') this.end(transfer.reason);
    else if (event.kind === 'timeout' || before.retries > 0) this.arm();
    else if (send.length > 0) this.timer?.refresh();
  }

  private arm(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => this.step({ kind: 'timeout' }), waitMs(this.transfer));
  }

  private end(aborted: string | null): void {
    if (this.timer === null) return;
    clearTimeout(this.timer);
    this.timer = null;
    this.socket.close();
    const { acknowledged, options, repeated } = this.transfer;
    this.onEnd({
      bytes: Math.min(acknowledged * options.blockSizeBytes, this.content.length),
      aborted,
      repeated,
      seconds: (performance.now() - this.begun) / 1000,
    });
  }

  private send(outputs: readonly TransferOutput[]): void {
    for (const output of outputs) {
      if (output.kind === 'packet') this.socket.send(encodeTftp(output.packet));
      else this.sendBlocks(output.first, output.last);
    }
  }

  private sendBlocks(first: number, last: number): void {
    for (let from = first; from <= last; from += this.segments) {
      const to = Math.min(from + this.segments - 1, last);
      const bytes = this.blocks(from, to);
      if (from === to) this.socket.send(bytes);
      else this.socket.send(bytes, (error) => this.resendSingly(error, from, to));
    }
  }

  /** An interface without checksum offload, or a smaller MTU, refuses segmentation: from then on one by one. */
  private resendSingly(error: Error | null, first: number, last: number): void {
    if (error === null || this.timer === null) return;
    this.segments = 1;
    this.sendBlocks(first, last);
  }

  /** How many blocks one send may carry: the kernel cuts them where it can. */
  private segmentsAtOnce(): number {
    const { windowSize, blockSizeBytes } = this.transfer.options;
    if (windowSize === 1 || this.udp.fd === null) return 1;
    const segmentBytes = blockSizeBytes + HEADER_BYTES;
    if (!setSegmentation(this.udp.fd, segmentBytes)) return 1;
    return Math.max(1, Math.min(MOST_SEGMENTS, Math.floor(LARGEST_SEND_BYTES / segmentBytes)));
  }

  /** DATA packets of blocks `first` to `last`, one behind the other. */
  private blocks(first: number, last: number): Buffer {
    const size = this.transfer.options.blockSizeBytes;
    const end = Math.min(last * size, this.content.length);
    const bytes = Buffer.allocUnsafe(end - (first - 1) * size + (last - first + 1) * HEADER_BYTES);
    let at = 0;
    for (let block = first; block <= last; block++) {
      bytes.writeUInt16BE(DATA_OPCODE, at);
      bytes.writeUInt16BE(block & 0xffff, at + 2);
      at += HEADER_BYTES;
      at += this.content.copy(bytes, at, (block - 1) * size, Math.min(block * size, end));
    }
    return bytes;
  }
}
