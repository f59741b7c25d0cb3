import type { DataSource } from 'typeorm';
import { messageOf } from '../error.js';
import type { Logger } from '../platform/log/index.js';

/** How long an owner may be silent before another takes its subnet. */
const OWNER_SECONDS = 15;

export interface Ownership {
  /** Whether this server may give addresses here. */
  owns: boolean;
  /** Rises with every change of owner; 0 where Postgres was never asked. */
  fence: number;
  /** Who else owns it; null where nobody does, or this server. */
  other: string | null;
}

/**
 * One boot server answers per subnet: a row in Postgres that its owner renews and another takes over once it expired.
 * While Postgres cannot be asked an owner stays owner: nobody can take over without it either. Where another server was
 * ever seen, though, an ownership that ran out is doubted: then known clients alone are served.
 */
export class SubnetOwners {
  private readonly known = new Map<string, Ownership & { until: number }>();
  private readonly asking = new Map<string, Promise<Ownership>>();
  private othersSeen = false;

  constructor(
    private readonly dataSource: DataSource,
    private readonly serverId: string,
    private readonly log: Logger,
    private readonly now: () => number = Date.now,
  ) {}

  /** What is known without asking; null where nobody asked yet. */
  find(subnetId: string): Ownership | null {
    return this.known.get(subnetId) ?? null;
  }

  /** Whether a client that was never seen may be given an address: not while another may have taken over. */
  isCertain(subnetId: string): boolean {
    const known = this.known.get(subnetId);
    return known?.owns === true && (!this.othersSeen || known.until > this.now());
  }

  /** Takes it where it is free; asks once for callers at the same time. Never rejects. */
  claim(subnetId: string): Promise<Ownership> {
    const running = this.asking.get(subnetId);
    if (running !== undefined) return running;
    const asked = this.ask(subnetId).finally(() => this.asking.delete(subnetId));
    this.asking.set(subnetId, asked);
    return asked;
  }

  /** Lets go of everything, so that another need not wait. */
  async release(): Promise<void> {
    try {
      await this.dataSource.query('update subnet_owner set expires_at = now() where server_id = $1', [this.serverId]);
    } catch (error) {
      this.log.warn({ error: messageOf(error) }, 'cannot release subnets; they expire by themselves');
    }
    this.known.clear();
  }

  private async ask(subnetId: string): Promise<Ownership> {
    const askedAt = this.now();
    try {
      const fence = await this.takeOrRenew(subnetId);
      const other = fence === null ? await this.ownerOf(subnetId) : null;
      if (other !== null) this.othersSeen = true;
      const ownership = { owns: fence !== null, fence: fence ?? 0, other, until: askedAt + OWNER_SECONDS * 1000 };
      this.known.set(subnetId, ownership);
      return ownership;
    } catch (error) {
      const known = this.known.get(subnetId);
      this.log.warn({ subnet: subnetId, error: messageOf(error) }, 'cannot ask who owns a subnet');
      if (known !== undefined) return known;
      // Started while Postgres is down: a server alone must still boot its machines.
      const assumed = { owns: true, fence: 0, other: null, until: 0 };
      this.known.set(subnetId, assumed);
      return assumed;
    }
  }

  private async takeOrRenew(subnetId: string): Promise<number | null> {
    const rows = await this.dataSource.query<{ fence: string }[]>(
      `insert into subnet_owner as o (subnet_id, server_id, fence, expires_at)
       values ($1, $2, 1, now() + make_interval(secs => $3))
       on conflict (subnet_id) do update set
         server_id = excluded.server_id,
         fence = o.fence + case when o.server_id = excluded.server_id then 0 else 1 end,
         expires_at = excluded.expires_at
       where o.server_id = excluded.server_id or o.expires_at < now()
       returning fence`,
      [subnetId, this.serverId, OWNER_SECONDS],
    );
    return rows[0] === undefined ? null : Number(rows[0].fence);
  }

  private async ownerOf(subnetId: string): Promise<string | null> {
    const rows = await this.dataSource.query<{ server_id: string }[]>(
      'select server_id from subnet_owner where subnet_id = $1',
      [subnetId],
    );
    return rows[0]?.server_id ?? null;
  }
}
