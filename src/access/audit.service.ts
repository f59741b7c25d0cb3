import { LessThan, type DataSource, type EntityManager } from 'typeorm';
import { MusterError } from '../error.js';
import type { Clock } from '../platform/clock.js';
import { auditValue, firstBrokenEntry, GENESIS_HASH, hashOfEntry, storableText } from './audit-chain.js';
import { AuditEntry, type AuditOutcome } from './audit-entry.entity.js';
import type { Principal } from './principal.js';

const VERIFY_PAGE = 1000;

export interface AuditRecord {
  /** Null: muster itself. */
  principal: Principal | null;
  action: string;
  subject: string;
  outcome: AuditOutcome;
  before?: unknown;
  after?: unknown;
  source: string;
}

/** The append-only, hash-chained record of every change. */
export class AuditService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  /** With a manager: part of its transaction, so that change and record stand or fall together. */
  append(record: AuditRecord, manager?: EntityManager): Promise<AuditEntry> {
    return manager === undefined
      ? this.dataSource.transaction((own) => this.appendIn(own, record))
      : this.appendIn(manager, record);
  }

  /**
   * A change and its entry in one transaction: both stand, or neither. `recordOf` is asked when the change is made.
   * Throws `unavailable` where the entry cannot be written.
   */
  withChange<Result>(work: (manager: EntityManager) => Promise<Result>, recordOf: () => AuditRecord): Promise<Result> {
    return this.dataSource.transaction(async (manager) => {
      const result = await work(manager);
      await this.appendIn(manager, recordOf()).catch(refuseUnrecorded);
      return result;
    });
  }

  /** The entry of what is about to be done outside of Postgres. Throws `unavailable`: then it must not be done. */
  async announce(record: AuditRecord): Promise<void> {
    await this.append(record).catch(refuseUnrecorded);
  }

  private async appendIn(manager: EntityManager, record: AuditRecord): Promise<AuditEntry> {
    await manager.query("select pg_advisory_xact_lock(hashtext('muster.audit_entry'))");
    const [last] = await manager.find(AuditEntry, { order: { sequence: 'DESC' }, take: 1 });
    const open = {
      sequence: (last?.sequence ?? 0) + 1,
      at: this.clock.now(),
      actor: record.principal?.name ?? 'muster',
      tokenId: record.principal?.tokenId ?? null,
      action: record.action,
      subject: storableText(record.subject),
      outcome: record.outcome,
      before: auditValue(record.before),
      after: auditValue(record.after),
      source: storableText(record.source),
      previousHash: last?.hash ?? GENESIS_HASH,
    };
    const entry: AuditEntry = { ...open, hash: hashOfEntry(open) };
    await manager.insert(AuditEntry, entry as object);
    return entry;
  }

  /** Newest first; `before` is the sequence number to go on from. */
  list(options: { limit: number; before?: number }): Promise<AuditEntry[]> {
    return this.dataSource.manager.find(AuditEntry, {
      where: options.before === undefined ? {} : { sequence: LessThan(options.before) },
      order: { sequence: 'DESC' },
      take: options.limit,
    });
  }

  /**
   * Reads the whole chain. The chain shows every change but a cut at its end: keep the head's hash elsewhere to see
   * that as well.
   */
  async verify(): Promise<{ entries: number; brokenAt: number | null; head: string }> {
    let end = { sequence: 0, hash: GENESIS_HASH };
    for (;;) {
      const page = await this.dataSource.manager
        .createQueryBuilder(AuditEntry, 'entry')
        .where('entry.sequence > :after', { after: end.sequence })
        .orderBy('entry.sequence', 'ASC')
        .take(VERIFY_PAGE)
        .getMany();
      const last = page.at(-1);
      if (last === undefined) return { entries: end.sequence, brokenAt: null, head: end.hash };
      const brokenAt = firstBrokenEntry(page, end);
      if (brokenAt !== null) return { entries: last.sequence, brokenAt, head: last.hash };
      end = last;
    }
  }
}

function refuseUnrecorded(cause: unknown): never {
  throw new MusterError('unavailable', 'cannot record this change in the audit: it was not made', { cause });
}
