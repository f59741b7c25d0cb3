import type { Socket } from 'node:dgram';
import { messageOf } from '../../error.js';
import { encodeDhcp, type DhcpMessage } from '../../protocol/dhcp/index.js';
import { DHCP_SERVER_PORT } from './destination.js';
import { discoverOfNobody } from './probe.js';

/** After the start, when interfaces are listened on. */
const FIRST_MS = 5000;

/** Asks now and then, as a machine that boots would, who else answers on a network where addresses are ours to give. */
export class OtherServers {
  private readonly question = discoverOfNobody();
  private timer: NodeJS.Timeout | null = null;

  /** `everyMs` 0: never. `listeners`: sockets at the client's port, where answers are heard. */
  constructor(
    private readonly everyMs: number,
    private readonly listeners: () => Iterable<Socket>,
    private readonly onFailure: (reason: string) => void,
  ) {}

  start(): void {
    if (this.everyMs > 0) this.askIn(Math.min(FIRST_MS, this.everyMs));
  }

  stop(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  /** Our question, or an answer to it: no machine's. */
  isOurs({ chaddr }: DhcpMessage): boolean {
    return chaddr.equals(this.question.chaddr);
  }

  private askIn(ms: number): void {
    this.timer = setTimeout(() => {
      for (const socket of this.listeners()) this.ask(socket);
      this.askIn(this.everyMs);
    }, ms);
    this.timer.unref();
  }

  private ask(socket: Socket): void {
    try {
      socket.send(encodeDhcp(this.question), DHCP_SERVER_PORT, '255.255.255.255', (error) => {
        if (error !== null) this.onFailure(error.message);
      });
    } catch (error) {
      this.onFailure(messageOf(error));
    }
  }
}
