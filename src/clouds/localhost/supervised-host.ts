import { MusterError } from '../../error.js';
import type { Host, Tell } from './host.js';
import { hostAnswer, type HostOrder } from './host-messages.js';

/** A process channel, as `process` has one when it was forked. */
export interface HostChannel {
  send(message: object): void;
  onMessage(listener: (message: unknown) => void): void;
}

interface Waiting {
  tell: Tell;
  resolve: () => void;
  reject: (error: Error) => void;
}

/** Has it done by the supervisor: this process gave up root. */
export class SupervisedHost implements Host {
  private readonly waiting = new Map<number, Waiting>();
  private lastId = 0;

  constructor(private readonly channel: HostChannel) {
    channel.onMessage((message) => this.hear(message));
  }

  installLxd(tell: Tell, signal: AbortSignal): Promise<void> {
    return this.ask('install-lxd', tell, signal);
  }

  raiseLimits(tell: Tell, signal: AbortSignal): Promise<void> {
    return this.ask('raise-limits', tell, signal);
  }

  private ask(order: HostOrder, tell: Tell, signal: AbortSignal): Promise<void> {
    const id = ++this.lastId;
    signal.addEventListener('abort', () => this.channel.send({ kind: 'host.stop', id }), { once: true });
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { tell, resolve, reject });
      this.channel.send({ kind: 'host.do', id, order });
    });
  }

  private hear(message: unknown): void {
    const answer = hostAnswer.safeParse(message).data;
    const waiting = answer === undefined ? undefined : this.waiting.get(answer.id);
    if (answer === undefined || waiting === undefined) return;
    if (answer.kind === 'host.line') {
      waiting.tell(answer.line);
      return;
    }
    this.waiting.delete(answer.id);
    if (answer.kind === 'host.done') waiting.resolve();
    else waiting.reject(new MusterError('conflict', answer.message, { hint: answer.hint }));
  }
}
