import { messageOf } from '../error.js';
import type { BootSessions } from '../machines/index.js';
import type { Logger } from '../platform/log/index.js';
import type { BootEvent, BootObserver } from './boot-client.js';

const FLUSH_MS = 250;
const LONGEST_QUEUE = 20_000;
const MOST_AT_ONCE = 500;
const MOST_ADDRESSES = 50_000;

/**
 * Writes down what was seen, in batches, after the fact. It never fails and never waits: when Postgres is down events
 * queue up, and beyond a limit the oldest are dropped, which is logged.
 */
export class BootRecorder implements BootObserver {
  private queue: BootEvent[] = [];
  private timer: NodeJS.Timeout | null = null;
  private writing: Promise<void> = Promise.resolve();
  private dropped = 0;
  private closed = false;
  /** TFTP and HTTP see an address where DHCP saw whose it is. */
  private readonly macs = new Map<string, string>();

  constructor(
    private readonly sessions: BootSessions,
    private readonly log: Logger,
  ) {}

  seen(event: BootEvent): void {
    if (event.address !== null && event.mac !== null) this.remember(event.address, event.mac);
    const mac = event.mac ?? this.macs.get(event.address ?? '') ?? null;
    this.queue.push({ ...event, mac });
    if (this.queue.length > LONGEST_QUEUE) {
      this.queue.shift();
      this.dropped += 1;
    }
    this.flushSoon();
  }

  /** Writes what is left. */
  async close(): Promise<void> {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.writing = this.writing.then(() => this.flush());
    await this.writing;
  }

  private remember(address: string, mac: string): void {
    this.macs.delete(address);
    this.macs.set(address, mac);
    const [oldest] = this.macs.size > MOST_ADDRESSES ? this.macs.keys() : [];
    if (oldest !== undefined) this.macs.delete(oldest);
  }

  private flushSoon(): void {
    if (this.closed || this.timer !== null) return;
    this.timer = setTimeout(() => {
      this.writing = this.writing
        .then(() => this.flush())
        .finally(() => {
          this.timer = null;
          if (this.queue.length > 0) this.flushSoon();
        });
    }, FLUSH_MS);
  }

  private async flush(): Promise<void> {
    const events = this.queue;
    this.queue = [];
    if (this.dropped > 0) this.log.warn({ dropped: this.dropped }, 'boot events were dropped: they came too fast');
    this.dropped = 0;
    for (let at = 0; at < events.length; at += MOST_AT_ONCE) {
      try {
        await this.sessions.record(events.slice(at, at + MOST_AT_ONCE));
      } catch (error) {
        this.log.warn({ reason: messageOf(error) }, 'cannot record what was seen of booting machines, will try again');
        this.queue = [...events.slice(at), ...this.queue].slice(-LONGEST_QUEUE);
        await new Promise((resolve) => setTimeout(resolve, this.closed ? 0 : 1000));
        if (this.closed) this.queue = [];
        return;
      }
    }
  }
}
