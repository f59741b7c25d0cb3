import { messageOf, MusterError } from '../../error.js';
import type { Host } from './host.js';
import { hostQuestion, type HostOrder } from './host-messages.js';
import { RootHost } from './root-host.js';

/** The supervisor's side of {@link SupervisedHost}. Messages of other kinds are not its business. */
export class HostForServer {
  private readonly running = new Map<number, AbortController>();

  constructor(
    private readonly tell: (message: object) => void,
    private readonly host: Host = new RootHost(),
  ) {}

  hear(message: unknown): void {
    const question = hostQuestion.safeParse(message).data;
    if (question?.kind === 'host.stop') this.running.get(question.id)?.abort();
    if (question?.kind === 'host.do') void this.carryOut(question.id, question.order);
  }

  /** The server has ended: nobody waits. */
  stop(): void {
    for (const running of this.running.values()) running.abort();
  }

  private async carryOut(id: number, order: HostOrder): Promise<void> {
    const stopped = new AbortController();
    this.running.set(id, stopped);
    const line = (text: string) => this.tell({ kind: 'host.line', id, line: text });
    try {
      if (order === 'install-lxd') await this.host.installLxd(line, stopped.signal);
      else await this.host.raiseLimits(line, stopped.signal);
      this.tell({ kind: 'host.done', id });
    } catch (error) {
      const hint = error instanceof MusterError ? error.hint : undefined;
      this.tell({ kind: 'host.failed', id, message: messageOf(error), hint });
    } finally {
      this.running.delete(id);
    }
  }
}
