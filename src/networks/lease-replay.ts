import type { DataSource } from 'typeorm';
import { messageOf } from '../error.js';
import type { Logger } from '../platform/log/index.js';
import { findAddress, formatAddress } from '../protocol/ipv4/index.js';
import type { Lease } from './lease.js';

const FLUSH_MS = 250;
const LONGEST_WAIT_MS = 10_000;
const ROWS_AT_ONCE = 2000;

/**
 * Carries leases from the journal into Postgres, the latest of each address, over and over until it is there. Repeating
 * is harmless: an older grant, or one of an older owner, never replaces a newer.
 */
export class LeaseReplay {
  private readonly waiting = new Map<string, Lease>();
  private timer: NodeJS.Timeout | null = null;
  private running: Promise<boolean> | null = null;
  private waitMs = FLUSH_MS;

  constructor(
    private readonly dataSource: DataSource,
    private readonly log: Logger,
  ) {}

  /** Leases that are on disk here and not in Postgres. */
  get backlog(): number {
    return this.waiting.size;
  }

  add(lease: Lease): void {
    this.waiting.set(`${lease.subnetId} ${lease.address}`, lease);
    this.timer ??= setTimeout(() => void this.flush(), this.waitMs);
  }

  /** Writes what waits. False where Postgres could not take it: it is tried again later. */
  async flush(): Promise<boolean> {
    await this.running;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    this.running = this.tryToWriteAll();
    const written = await this.running;
    this.running = null;
    this.waitMs = written ? FLUSH_MS : Math.min(this.waitMs * 2, LONGEST_WAIT_MS);
    if (this.waiting.size > 0) this.timer ??= setTimeout(() => void this.flush(), this.waitMs);
    return written;
  }

  /** One last try. */
  async stop(): Promise<void> {
    await this.flush();
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  /** What Postgres knows of a subnet's leases: for a server that takes over. Throws where it cannot be asked. */
  async load(subnetId: string): Promise<Lease[]> {
    const rows = await this.dataSource.query<LeaseRow[]>(
      `select subnet_id, host(address) as address, key, mac, uuid, client_id, hostname, state, fence::int as fence,
         extract(epoch from granted_at) * 1000 as granted_at, extract(epoch from expires_at) * 1000 as expires_at
       from lease where subnet_id = $1 order by granted_at`,
      [subnetId],
    );
    return rows.map(leaseFrom);
  }

  private async tryToWriteAll(): Promise<boolean> {
    try {
      await this.writeAll();
      return true;
    } catch (error) {
      this.log.warn({ backlog: this.backlog, error: messageOf(error) }, 'cannot replay leases into Postgres yet');
      return false;
    }
  }

  private async writeAll(): Promise<void> {
    while (this.waiting.size > 0) {
      const batch = [...this.waiting].slice(0, ROWS_AT_ONCE);
      await this.write(batch.map(([, lease]) => lease));
      for (const [key, lease] of batch) if (this.waiting.get(key) === lease) this.waiting.delete(key);
    }
  }

  /** Leases of subnets that were removed meanwhile are dropped by the join. */
  private async write(leases: Lease[]): Promise<void> {
    const rows = leases.map((lease) => ({ ...lease, address: formatAddress(lease.address) }));
    await this.dataSource.query(
      `insert into lease as l (subnet_id, address, key, mac, uuid, client_id, hostname, state, granted_at, expires_at, fence)
       select r."subnetId", r.address, r.key, r.mac, r.uuid, r."clientId", r.hostname, r.state,
         to_timestamp(r."grantedAt" / 1000.0), to_timestamp(r."expiresAt" / 1000.0), r.fence
       from jsonb_to_recordset($1::jsonb) as r("subnetId" uuid, address inet, key text, mac text, uuid text,
         "clientId" text, hostname text, state text, "grantedAt" double precision, "expiresAt" double precision,
         fence bigint)
       join subnet s on s.id = r."subnetId"
       on conflict (subnet_id, address) do update set
         key = excluded.key, mac = excluded.mac, uuid = excluded.uuid, client_id = excluded.client_id,
         hostname = excluded.hostname, state = excluded.state, granted_at = excluded.granted_at,
         expires_at = excluded.expires_at, fence = excluded.fence
       where l.granted_at <= excluded.granted_at and (l.fence <= excluded.fence or excluded.fence = 0)`,
      [JSON.stringify(rows)],
    );
  }
}

interface LeaseRow {
  subnet_id: string;
  address: string;
  key: string;
  mac: string | null;
  uuid: string | null;
  client_id: string | null;
  hostname: string | null;
  state: Lease['state'];
  fence: number;
  granted_at: string;
  expires_at: string;
}

function leaseFrom(row: LeaseRow): Lease {
  return {
    subnetId: row.subnet_id,
    address: findAddress(row.address) ?? 0,
    key: row.key,
    mac: row.mac,
    uuid: row.uuid,
    clientId: row.client_id,
    hostname: row.hostname,
    state: row.state,
    grantedAt: Number(row.granted_at),
    expiresAt: Number(row.expires_at),
    fence: row.fence,
  };
}
