import { type DataSource, type EntityManager, IsNull, LessThan, MoreThan, Not } from 'typeorm';
import type { Clock } from '../platform/clock.js';
import { BootNonce } from './boot-nonce.entity.js';
import type { BootPurpose } from './boot-purpose.js';
import { hashOf, newSecret } from './secret-text.js';

export interface NonceSubject {
  /** Null: an unknown machine, to be enlisted. */
  machineId: string | null;
  mac: string;
  purpose: BootPurpose;
  architecture: string;
  inWindow: boolean;
}

const LIFE_MS = 30 * 60_000;
const KEPT_MS = 24 * 3_600_000;

export type NonceBurn =
  | { kind: 'burned'; nonce: BootNonce }
  /** It was exchanged before: someone else has its session, or wants it. */
  | { kind: 'replayed'; nonce: BootNonce }
  | { kind: 'unknown' };

/** Boot nonces: 256 bits for one machine, purpose and boot; only their hashes are kept. */
export class BootNonces {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {}

  async mint(subject: NonceSubject): Promise<string> {
    const secret = newSecret();
    const now = this.clock.now();
    const expiresAt = new Date(now.getTime() + LIFE_MS);
    await this.dataSource.manager.insert(BootNonce, { ...subject, hash: hashOf(secret), createdAt: now, expiresAt });
    return secret;
  }

  /** Good for any number of fetches until it is exchanged or too old. */
  findLive(secret: string): Promise<BootNonce | null> {
    const where = { hash: hashOf(secret), usedAt: IsNull(), expiresAt: MoreThan(this.clock.now()) };
    return this.dataSource.manager.findOneBy(BootNonce, where);
  }

  /** Exchanges it, once; with it die the other scripts' nonces of this boot. */
  async burn(manager: EntityManager, secret: string): Promise<NonceBurn> {
    const now = this.clock.now();
    const hash = hashOf(secret);
    const live = { hash, usedAt: IsNull(), expiresAt: MoreThan(now) };
    const { affected } = await manager.update(BootNonce, live, { usedAt: now });
    const nonce = await manager.findOneBy(BootNonce, { hash });
    if (nonce === null) return { kind: 'unknown' };
    if (affected !== 1) return nonce.usedAt === null ? { kind: 'unknown' } : { kind: 'replayed', nonce };
    await manager.update(
      BootNonce,
      { mac: nonce.mac, id: Not(nonce.id), usedAt: IsNull(), expiresAt: MoreThan(now) },
      { expiresAt: now },
    );
    return { kind: 'burned', nonce };
  }

  /** Spent nonces are kept for a day, so that a replay is told from nonsense. */
  async forgetOld(): Promise<void> {
    const before = new Date(this.clock.now().getTime() - KEPT_MS);
    await this.dataSource.manager.delete(BootNonce, { expiresAt: LessThan(before) });
  }
}
