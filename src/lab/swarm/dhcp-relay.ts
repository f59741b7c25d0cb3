import { randomInt } from 'node:crypto';
import type { Socket } from 'node:dgram';
import { MusterError } from '../../error.js';
import { openUdp } from '../../platform/socket/index.js';
import { decodeDhcp, encodeDhcp, messageTypeOf, type DhcpMessage } from '../../protocol/dhcp/index.js';
import { formatAddress, parseAddress, type Ipv4 } from '../../protocol/ipv4/index.js';
import { discover, readOffer, request, type BootProgram, type OfferedBoot } from './relayed-messages.js';
import type { SimulatedMachine } from './simulated-machine.js';

const DHCP_SERVER_PORT = 67;
/** Firmware waits a second or so, then longer and longer (PXE specification 2.1, 2.2.5: 4, 8, 16, 32 s). */
const WAITS_MS = [1000, 2000, 4000, 8000, 16_000];

export interface DhcpRelayOptions {
  /** The relay's own address, within the subnet that it relays for. */
  address: string;
  server: string;
  onRetry: () => void;
}

/** A relay agent with all its clients behind one socket. */
export class DhcpRelay {
  private readonly waiting = new Map<number, (reply: DhcpMessage) => void>();
  private readonly giaddr: Ipv4;

  private constructor(
    private readonly socket: Socket,
    private readonly options: DhcpRelayOptions,
  ) {
    this.giaddr = parseAddress(options.address);
    socket.on('message', (bytes) => this.onReply(bytes));
  }

  /** Throws where UDP 67 of the address cannot be had. */
  static async open(options: DhcpRelayOptions): Promise<DhcpRelay> {
    const port = DHCP_SERVER_PORT;
    const { socket } = await openUdp({ address: options.address, port, receiveBufferBytes: 8 * 1024 * 1024 });
    return new DhcpRelay(socket, options);
  }

  close(): void {
    this.socket.close();
  }

  /** DISCOVER, OFFER, REQUEST, ACK. Throws (`unavailable`) where no answer comes, `conflict` at a NAK. */
  async lease(machine: SimulatedMachine, program: BootProgram): Promise<OfferedBoot> {
    const xid = this.freshXid();
    const offered = await this.exchange(discover(machine, program, xid, this.giaddr), 'offer');
    const offer = this.read(offered, machine);
    const acknowledged = await this.exchange(request(machine, program, xid, this.giaddr, offer), 'ack');
    if (messageTypeOf(acknowledged) === 'nak')
      throw new MusterError('conflict', `${formatAddress(offer.address)} was offered and then refused`);
    return this.read(acknowledged, machine);
  }

  private read(reply: DhcpMessage, machine: SimulatedMachine): OfferedBoot {
    const offer = readOffer(reply);
    if (offer !== null) return offer;
    throw new MusterError('invalid', `cannot read the reply to ${machine.mac}: it gives no address`);
  }

  private freshXid(): number {
    for (;;) {
      const xid = randomInt(1, 2 ** 32 - 1);
      if (!this.waiting.has(xid)) return xid;
    }
  }

  private async exchange(message: DhcpMessage, answer: 'offer' | 'ack'): Promise<DhcpMessage> {
    const bytes = encodeDhcp(message);
    for (const [attempt, waitMs] of WAITS_MS.entries()) {
      if (attempt > 0) this.options.onRetry();
      this.socket.send(bytes, DHCP_SERVER_PORT, this.options.server);
      const reply = await this.replyTo(message.xid, answer, waitMs);
      if (reply !== null) return reply;
    }
    throw new MusterError('unavailable', `no ${answer} came`);
  }

  private replyTo(xid: number, answer: 'offer' | 'ack', waitMs: number): Promise<DhcpMessage | null> {
    return new Promise((resolve) => {
      const done = (reply: DhcpMessage | null) => {
        clearTimeout(timer);
        this.waiting.delete(xid);
        resolve(reply);
      };
      const timer = setTimeout(() => done(null), waitMs);
      this.waiting.set(xid, (reply) => {
        const type = messageTypeOf(reply);
        // A second OFFER, to a DISCOVER that was sent again, is no answer to the REQUEST.
        if (type === answer || (answer === 'ack' && type === 'nak')) done(reply);
      });
    });
  }

  private onReply(bytes: Buffer): void {
    const { message } = decodeDhcp(bytes);
    if (message?.op === 'reply') this.waiting.get(message.xid)?.(message);
  }
}
