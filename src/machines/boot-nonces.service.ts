import { type DataSource, type EntityManager, IsNull, LessThan, MoreThan } from 'typeorm';
import type { Clock } from '../platform/clock.js';
import { Gathering, Statement } from '../platform/database/index.js';
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

export type KnownNonce = Pick<BootNonce, 'machineId' | 'mac' | 'purpose' | 'inWindow'>;

export type NonceBurn =
  | { kind: 'burned'; nonce: KnownNonce }
  /** It was exchanged before: someone else has its session, or wants it. */
  | { kind: 'replayed'; nonce: KnownNonce }
  | { kind: 'unknown' };

type NewNonce = NonceSubject & { hash: string; createdAt: Date; expiresAt: Date };

/** $1 hash, $2 now. Nothing where it was not live; with it die the other live ones of its MAC. */
const BURN = new Statement<KnownNonce>(
  'burn nonce',
  `with burned as (
     update boot_nonce set used_at = $2 where hash = $1 and used_at is null and expires_at > $2 returning *),
   others as (
     update boot_nonce other set expires_at = $2 from burned
     where other.mac = burned.mac and other.id <> burned.id and other.used_at is null and other.expires_at > $2)
   select machine_id as "machineId", mac, purpose, in_window as "inWindow" from burned`,
);

const MINT = new Statement<never>(
  'mint nonces',
  `insert into boot_nonce (hash, machine_id, mac, purpose, architecture, in_window, created_at, expires_at)
   select hash, "machineId", mac, purpose, architecture, "inWindow", "createdAt", "expiresAt"
   from jsonb_to_recordset($1::jsonb) as r(hash text, "machineId" uuid, mac text, purpose text, architecture text,
     "inWindow" boolean, "createdAt" timestamptz, "expiresAt" timestamptz)`,
);

/** Boot nonces: 256 bits for one machine, purpose and boot; only their hashes are kept. */
export class BootNonces {
  private readonly minting: Gathering<NewNonce, null>;

  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
  ) {
    this.minting = new Gathering(async (nonces) => {
      await MINT.run(dataSource, [JSON.stringify(nonces)]);
      return nonces.map(() => null);
    });
  }

  async mint(subject: NonceSubject): Promise<string> {
    const secret = newSecret();
    const now = this.clock.now();
    const expiresAt = new Date(now.getTime() + LIFE_MS);
    await this.minting.ask({ ...subject, hash: hashOf(secret), createdAt: now, expiresAt });
    return secret;
  }

  /** Good for any number of fetches until it is exchanged or too old. */
  findLive(secret: string): Promise<BootNonce | null> {
    const where = { hash: hashOf(secret), usedAt: IsNull(), expiresAt: MoreThan(this.clock.now()) };
    return this.dataSource.manager.findOneBy(BootNonce, where);
  }

  /** Exchanges it, once; with it die the other scripts' nonces of this boot. */
  async burn(manager: EntityManager, secret: string): Promise<NonceBurn> {
    const hash = hashOf(secret);
    const [burned] = await BURN.run(manager, [hash, this.clock.now()]);
    if (burned !== undefined) return { kind: 'burned', nonce: burned };
    // A look of its own: whoever burned it may have been ahead of us by an instant.
    const nonce = await manager.findOneBy(BootNonce, { hash });
    return nonce?.usedAt == null ? { kind: 'unknown' } : { kind: 'replayed', nonce };
  }

  /** Spent nonces are kept for a day, so that a replay is told from nonsense. */
  async forgetOld(): Promise<void> {
    const before = new Date(this.clock.now().getTime() - KEPT_MS);
    await this.dataSource.manager.delete(BootNonce, { expiresAt: LessThan(before) });
  }
}
