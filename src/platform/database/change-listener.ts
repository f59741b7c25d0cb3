import { Client } from 'pg';
import type { DataSource } from 'typeorm';
import { messageOf } from '../../error.js';
import type { Logger } from '../log/index.js';

type Listener = (payload: string) => void;

const RETRY_MS = 1000;

/**
 * Hears what Postgres announces (`pg_notify`) on one connection of its own, and connects again when that breaks.
 * Announcements made meanwhile are lost: whoever listens must also look by himself now and then.
 */
export class ChangeListener {
  private readonly listeners = new Map<string, Set<Listener>>();
  private client: Client | null = null;
  private retry: NodeJS.Timeout | null = null;
  private closed = false;

  constructor(
    private readonly dataSource: DataSource,
    private readonly log: Logger,
  ) {}

  /** Calls `listener` with each payload of `channel`; the function returned ends that. */
  on(channel: string, listener: Listener): () => void {
    if (!/^[a-z_]+$/.test(channel)) throw new Error(`cannot listen on ${channel}`);
    const set = this.listeners.get(channel) ?? new Set();
    this.listeners.set(channel, set.add(listener));
    if (this.client === null) this.connectSoon(0);
    else if (set.size === 1) this.client.query(`listen ${channel}`).catch((error: unknown) => this.lost(error));
    return () => set.delete(listener);
  }

  async close(): Promise<void> {
    this.closed = true;
    if (this.retry !== null) clearTimeout(this.retry);
    const { client } = this;
    this.client = null;
    await client?.end().catch((error: unknown) => {
      this.log.debug({ reason: messageOf(error) }, 'the listening connection was gone already');
    });
  }

  private connectSoon(afterMs: number): void {
    if (this.closed || this.retry !== null) return;
    this.retry = setTimeout(() => {
      this.retry = null;
      this.connect().catch((error: unknown) => this.lost(error));
    }, afterMs);
  }

  private async connect(): Promise<void> {
    if (this.client !== null) return;
    const { url } = this.dataSource.options as { url?: string };
    const client = new Client({ connectionString: url, application_name: 'muster-listen', keepAlive: true });
    client.on('error', (error) => this.lost(error));
    client.on('end', () => this.lost(new Error('the connection ended')));
    client.on('notification', ({ channel, payload }) => this.tell(channel, payload ?? ''));
    this.client = client;
    await client.connect();
    for (const channel of this.listeners.keys()) await client.query(`listen ${channel}`);
  }

  private lost(error: unknown): void {
    if (this.closed || this.client === null) return;
    this.log.warn({ reason: messageOf(error) }, 'lost the connection that listens for changes');
    const { client } = this;
    this.client = null;
    client.removeAllListeners('end');
    client.end().catch(() => undefined);
    this.connectSoon(RETRY_MS);
  }

  private tell(channel: string, payload: string): void {
    for (const listener of this.listeners.get(channel) ?? []) listener(payload);
  }
}
