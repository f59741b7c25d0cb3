import { randomBytes } from 'node:crypto';
import { IsNull, type DataSource, type EntityManager } from 'typeorm';
import { MusterError } from '../error.js';
import type { Clock } from '../platform/clock.js';
import { AccessToken } from './access-token.entity.js';
import type { AccessRole, Principal } from './principal.js';
import { mintToken, parseToken, secretFits, type RandomBytes } from './token-text.js';

const LAST_USED_RESOLUTION_MS = 60_000;
/** A hash that no secret has: an unknown key takes as long to refuse as a wrong secret. */
const NO_HASH = '0'.repeat(64);

export interface NewToken {
  name: string;
  role: AccessRole;
  pool: string | null;
  /** Null: does not expire. */
  expiresInSeconds: number | null;
  createdBy: string;
}

/** Makes, checks and revokes the tokens of the API. */
export class TokensService {
  constructor(
    private readonly dataSource: DataSource,
    private readonly clock: Clock,
    private readonly random: RandomBytes = randomBytes,
  ) {}

  /** The text is given here once and can never be had again. */
  async create(wanted: NewToken, manager: EntityManager = this.dataSource.manager) {
    const minted = mintToken(this.random);
    const now = this.clock.now();
    const { expiresInSeconds, ...rest } = wanted;
    const expiresAt = expiresInSeconds === null ? null : new Date(now.getTime() + expiresInSeconds * 1000);
    const token = await manager.save(
      manager.create(AccessToken, {
        ...rest,
        key: minted.key,
        secretHash: minted.secretHash,
        createdAt: now,
        expiresAt,
      }),
    );
    return { text: minted.text, token };
  }

  /** Who bears this token. Throws `unauthenticated` for one that is unknown, wrong, expired or revoked. */
  async authenticate(text: string): Promise<Principal> {
    const parsed = parseToken(text);
    if (parsed === null) throw refused('it is not a muster token', 'it begins with muster_ and is 67 characters long');
    const token = await this.dataSource.manager.findOneBy(AccessToken, { key: parsed.key });
    const fits = secretFits(parsed.secret, token?.secretHash ?? NO_HASH);
    if (token === null || !fits) throw refused('it is not known', 'make one: muster tokens create NAME');
    const now = this.clock.now();
    if (token.revokedAt !== null) throw refused(`it was revoked at ${token.revokedAt.toISOString()}`);
    if (token.expiresAt !== null && token.expiresAt <= now) {
      throw refused(`it expired at ${token.expiresAt.toISOString()}`);
    }
    await this.noteUse(token, now);
    return { tokenId: token.id, name: token.name, role: token.role, pool: token.pool };
  }

  list(manager = this.dataSource.manager): Promise<AccessToken[]> {
    return manager.find(AccessToken, { order: { createdAt: 'ASC', id: 'ASC' } });
  }

  /** By id, or by name where just one living token has it. */
  async get(reference: string, manager = this.dataSource.manager): Promise<AccessToken> {
    const found = (await this.list(manager)).filter((token) => token.id === reference || token.name === reference);
    const living = found.filter((token) => token.revokedAt === null);
    const [token, another] = living.length > 0 ? living : found;
    if (token === undefined) throw new MusterError('not-found', `cannot find a token "${reference}"`);
    if (another !== undefined) {
      throw new MusterError('conflict', `cannot tell which token "${reference}" is meant: several have that name`, {
        hint: 'name it by its id (muster tokens list)',
      });
    }
    return token;
  }

  /** In the manager's transaction. Revoking twice is no error; the first time stands. Throws `conflict` rather than revoke the last admin token. */
  async revoke(manager: EntityManager, reference: string): Promise<AccessToken> {
    const token = await this.get(reference, manager);
    if (token.revokedAt !== null) return token;
    await lockTokens(manager);
    if (token.role === 'admin' && token.pool === null && (await this.livingAdmins(manager)) < 2) {
      throw new MusterError('conflict', `cannot revoke "${token.name}": it is the last admin token`, {
        hint: 'make another first: muster tokens create NAME --role admin',
      });
    }
    const revokedAt = this.clock.now();
    await manager.update(AccessToken, { id: token.id, revokedAt: IsNull() }, { revokedAt });
    token.revokedAt = revokedAt;
    return token;
  }

  /** How many tokens can still do everything. */
  async livingAdmins(manager: EntityManager = this.dataSource.manager): Promise<number> {
    const admins = await manager.findBy(AccessToken, { role: 'admin', pool: IsNull(), revokedAt: IsNull() });
    const now = this.clock.now();
    return admins.filter((token) => token.expiresAt === null || token.expiresAt > now).length;
  }

  private async noteUse(token: AccessToken, now: Date): Promise<void> {
    const last = token.lastUsedAt?.getTime() ?? 0;
    if (now.getTime() - last < LAST_USED_RESOLUTION_MS) return;
    await this.dataSource.manager.update(AccessToken, { id: token.id }, { lastUsedAt: now });
  }
}

/** One change of the set of tokens at a time, over all processes; held until the transaction ends. */
export async function lockTokens(manager: EntityManager): Promise<void> {
  await manager.query("select pg_advisory_xact_lock(hashtext('muster.access_token'))");
}

function refused(why: string, hint?: string): MusterError {
  return new MusterError('unauthenticated', `cannot accept this token: ${why}`, { hint });
}
