import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import { messageOf } from '../error.js';
import type { Logger } from '../platform/log/index.js';
import type { Ipv4 } from '../protocol/ipv4/index.js';
import type { Lease, LeaseClient } from './lease.js';
import { LeaseJournal } from './lease-journal.js';
import { LeaseReplay } from './lease-replay.js';
import { LeaseTable, type Grant } from './lease-table.js';
import { SubnetOwners } from './subnet-owners.js';
import { SubnetView } from './subnet-view.js';
import type { Reservation, Subnet } from './subnet.js';

const REFRESH_MS = 3000;
/** Ended leases are remembered this long, so that a machine gets its address again. */
const REMEMBERED_MS = 7 * 24 * 3600 * 1000;
const LINES_BEFORE_COMPACTION = 20_000;

export interface LeaseBookOptions {
  dataSource: DataSource;
  /** Holds the journal and the copy of the subnets: `<dataDir>/leases`. */
  dir: string;
  /** The same after a restart, another on every boot server. */
  serverId: string;
  log: Logger;
  /** Addresses of this computer: never given away. */
  ownAddresses?: readonly Ipv4[];
  now?: () => number;
}

/** Who has which address: answered from memory, made durable before it is told, carried to Postgres afterwards. */
export class LeaseBook {
  private readonly tables = new Map<string, LeaseTable>();
  private timer: NodeJS.Timeout | null = null;

  private constructor(
    private readonly options: LeaseBookOptions,
    private readonly now: () => number,
    private readonly view: SubnetView,
    private readonly owners: SubnetOwners,
    private readonly replay: LeaseReplay,
    private readonly journal: LeaseJournal,
    private remembered: Lease[],
  ) {}

  /** Reads the journal and the subnets. Postgres may be down; the journal must be readable. */
  static async open(options: LeaseBookOptions): Promise<LeaseBook> {
    const now = options.now ?? Date.now;
    const { dataSource, dir, log } = options;
    const { journal, leases, damagedLines } = await LeaseJournal.open(join(dir, 'journal'));
    if (damagedLines > 0) log.error({ damagedLines, dir }, 'lines of the lease journal are damaged and were skipped');
    const view = new SubnetView(dataSource, join(dir, 'subnets.json'), log);
    const owners = new SubnetOwners(dataSource, options.serverId, log, now);
    const book = new LeaseBook(options, now, view, owners, new LeaseReplay(dataSource, log), journal, leases);
    await book.refresh();
    for (const lease of leases) book.replay.add(lease);
    book.scheduleRefresh();
    return book;
  }

  async close(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    await this.replay.stop();
    await this.owners.release();
    await this.journal.close();
  }

  subnets(): readonly Subnet[] {
    return this.view.all();
  }

  findSubnetContaining(address: Ipv4): Subnet | null {
    return this.view.findContaining(address);
  }

  /** Another boot server owns the subnet. */
  isElsewhere(subnet: Subnet): boolean {
    return this.owners.find(subnet.id)?.owns === false;
  }

  /** An address to offer; null where none is left, or another boot server owns the subnet. */
  async offer(subnet: Subnet, client: LeaseClient, asked: Ipv4 | null): Promise<Ipv4 | null> {
    const table = await this.tableOf(subnet);
    if (table === null) return null;
    if (!this.owners.isCertain(subnet.id) && table.findByClient(client) === null) return null;
    return table.offer(client, asked, this.now());
  }

  /**
   * Gives an address. When it resolves with a lease, the lease is on disk. Null: another boot server owns the subnet, so
   * that silence is the answer. Rejects where the disk failed: then there must be silence too.
   */
  async grant(subnet: Subnet, client: LeaseClient, address: Ipv4): Promise<Grant | null> {
    const table = await this.tableOf(subnet);
    if (table === null) return null;
    if (!this.owners.isCertain(subnet.id) && table.findByClient(client)?.address !== address) return null;
    const grant = table.grant(client, address, this.now(), this.fenceOf(subnet));
    if (grant.lease !== undefined) await this.keep(grant.lease);
    return grant;
  }

  /** Null where it was not the client's. */
  async release(subnet: Subnet, client: LeaseClient, address: Ipv4): Promise<Lease | null> {
    const lease = (await this.tableOf(subnet))?.release(client, address, this.now(), this.fenceOf(subnet)) ?? null;
    if (lease !== null) await this.keep(lease);
    return lease;
  }

  async decline(subnet: Subnet, client: LeaseClient, address: Ipv4): Promise<Lease | null> {
    const lease = (await this.tableOf(subnet))?.decline(client, address, this.now(), this.fenceOf(subnet)) ?? null;
    if (lease !== null) await this.keep(lease);
    return lease;
  }

  /** Who has an address now: how a TFTP request is told whose it is. */
  findByAddress(address: Ipv4): Lease | null {
    const subnet = this.view.findContaining(address);
    const lease = subnet === null ? undefined : this.tables.get(subnet.id)?.findByAddress(address);
    return lease?.state === 'active' && lease.expiresAt > this.now() ? lease : null;
  }

  findByClient(subnet: Subnet, client: LeaseClient): Lease | null {
    return this.tables.get(subnet.id)?.findByClient(client) ?? null;
  }

  /** Null also where this server has not answered on the subnet yet. */
  findReservation(subnet: Subnet, client: LeaseClient): Reservation | null {
    return this.tables.get(subnet.id)?.findReservation(client) ?? null;
  }

  /** Leases that are on disk here and not in Postgres: for health and for tests. */
  get backlog(): number {
    return this.replay.backlog;
  }

  /** Writes what waits into Postgres; false where it cannot be reached. */
  flush(): Promise<boolean> {
    return this.replay.flush();
  }

  /** Takes changed subnets at once, rather than in a moment. */
  async refresh(): Promise<void> {
    if (await this.view.refresh()) {
      const ids = new Set(this.view.all().map((subnet) => subnet.id));
      for (const id of this.tables.keys()) if (!ids.has(id)) this.tables.delete(id);
      for (const subnet of this.view.all()) {
        this.tables.get(subnet.id)?.update(subnet, this.view.reservationsOf(subnet.id));
      }
    }
    await Promise.all([...this.tables.keys()].map((id) => this.keepOwnership(id)));
  }

  private async keep(lease: Lease): Promise<void> {
    await this.journal.append(lease);
    this.replay.add(lease);
  }

  private fenceOf(subnet: Subnet): number {
    return this.owners.find(subnet.id)?.fence ?? 0;
  }

  /** Null where another boot server owns the subnet. */
  private async tableOf(subnet: Subnet): Promise<LeaseTable | null> {
    const known = this.tables.get(subnet.id);
    if (known !== undefined) return known;
    const ownership = this.owners.find(subnet.id);
    // Another has it: ask again in the background, answer nothing now.
    if (ownership?.owns === false) return null;
    return (await this.owners.claim(subnet.id)).owns ? await this.openTable(subnet) : null;
  }

  private async openTable(subnet: Subnet): Promise<LeaseTable> {
    const reservations = this.view.reservationsOf(subnet.id);
    const table = new LeaseTable(subnet, reservations, this.options.ownAddresses ?? []);
    const stored = await this.replay.load(subnet.id).catch((error: unknown) => {
      this.options.log.warn({ subnet: subnet.name, error: messageOf(error) }, 'cannot read leases from Postgres');
      return [];
    });
    const own = this.remembered.filter((lease) => lease.subnetId === subnet.id);
    for (const lease of [...stored, ...own]) table.restore(lease);
    // Another caller may have opened it meanwhile: one table a subnet, or two clients get one address.
    const opened = this.tables.get(subnet.id) ?? table;
    this.tables.set(subnet.id, opened);
    this.options.log.info({ subnet: subnet.name, leases: opened.size }, 'answering DHCP for a subnet');
    return opened;
  }

  private async keepOwnership(subnetId: string): Promise<void> {
    const { owns, other } = await this.owners.claim(subnetId);
    const table = this.tables.get(subnetId);
    if (owns || table === undefined) return;
    // Its leases stay in the journal until they are in Postgres; what the new owner gives is read from there.
    this.remembered = [...this.remembered.filter((lease) => lease.subnetId !== subnetId), ...table.leases()];
    this.tables.delete(subnetId);
    this.options.log.warn({ subnet: table.subnet.name, other }, 'another boot server took a subnet over');
  }

  private scheduleRefresh(): void {
    this.timer = setTimeout(() => {
      void this.tick().finally(() => {
        if (this.timer !== null) this.scheduleRefresh();
      });
    }, REFRESH_MS);
    this.timer.unref();
  }

  private async tick(): Promise<void> {
    try {
      await this.refresh();
      await this.reclaim();
      await this.compactWhenLong();
    } catch (error) {
      this.options.log.error({ error: messageOf(error) }, 'cannot keep the lease book in order');
    }
  }

  /** Subnets of another server are asked for again, so that one that died is replaced. */
  private async reclaim(): Promise<void> {
    for (const subnet of this.view.all()) {
      if (this.owners.find(subnet.id)?.owns !== false) continue;
      if ((await this.owners.claim(subnet.id)).owns) await this.openTable(subnet);
    }
  }

  private async compactWhenLong(): Promise<void> {
    const leases = [...this.tables.values()].reduce((sum, table) => sum + table.size, this.remembered.length);
    if (this.journal.lines < LINES_BEFORE_COMPACTION + 2 * leases) return;
    if (!(await this.replay.flush())) return;
    await this.journal.compact(() => this.worthKeeping());
    this.options.log.info({ lines: this.journal.lines }, 'compacted the lease journal');
  }

  private *worthKeeping(): Generator<Lease> {
    const oldest = this.now() - REMEMBERED_MS;
    for (const lease of this.remembered) {
      if (!this.tables.has(lease.subnetId) && lease.expiresAt > oldest) yield lease;
    }
    for (const table of this.tables.values()) {
      for (const lease of table.leases()) if (lease.expiresAt > oldest) yield lease;
    }
  }
}
