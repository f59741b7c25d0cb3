import { randomUUID } from 'node:crypto';
import { type DataSource, IsNull } from 'typeorm';
import { MusterError } from '../error.js';
import type { Clock } from '../platform/clock.js';
import type { SecretBox } from '../platform/secrets/index.js';
import { MachineChanges } from './machine-changes.js';
import { MetadataToken } from './metadata-token.entity.js';
import { hashOf, newSecret } from './secret-text.js';

/** The documents of cloud-init's NoCloud source. */
export interface Seed {
  metaData: string;
  userData: string;
  networkConfig: string;
}

/**
 * One-time tokens with which a freshly deployed machine fetches its cloud-init documents and says that it is up. A token
 * belongs to the first address that uses it, and dies when the machine has phoned home or its window closes.
 */
export class MetadataTokens {
  private readonly changes: MachineChanges;

  constructor(
    private readonly dataSource: DataSource,
    private readonly secrets: SecretBox,
    private readonly clock: Clock,
  ) {
    this.changes = new MachineChanges(dataSource);
  }

  /** A new token; earlier ones of the machine end. `seedOf` gets it, because the seed may name the address to phone. */
  async issue(
    machineId: string,
    seedOf: (token: string) => Seed,
    windowSeconds: number,
  ): Promise<{ token: string; seed: Seed }> {
    const token = newSecret();
    const seed = seedOf(token);
    const id = randomUUID();
    const now = this.clock.now();
    const expiresAt = new Date(now.getTime() + windowSeconds * 1000);
    await this.dataSource.transaction(async (manager) => {
      await manager.update(MetadataToken, { machineId, usedAt: IsNull() }, { expiresAt: now });
      await manager.insert(MetadataToken, {
        id,
        machineId,
        hash: hashOf(token),
        seed: this.secrets.seal(JSON.stringify(seed), id),
        expiresAt,
      });
    });
    return { token, seed };
  }

  /** The documents, for the machine that the token was made for. Throws `unauthenticated`. */
  async seedFor(token: string, address: string): Promise<{ machineId: string; seed: Seed }> {
    const row = await this.live(token, address);
    return { machineId: row.machineId, seed: JSON.parse(this.secrets.open(row.seed, row.id)) as Seed };
  }

  /** The machine says that it is up. With that the token is spent; a second call raises an alert. */
  async phoneHome(token: string, address: string): Promise<{ machineId: string }> {
    const row = await this.live(token, address);
    const { affected } = await this.dataSource.manager.update(
      MetadataToken,
      { id: row.id, usedAt: IsNull() },
      { usedAt: this.clock.now() },
    );
    if (affected !== 1) throw await this.refuse(row.machineId, 'was used before', address);
    return { machineId: row.machineId };
  }

  /** When the machine phoned home with the newest token issued since then; null: not yet. */
  async phonedHomeSince(machineId: string, since: Date): Promise<Date | null> {
    const row = await this.dataSource
      .getRepository(MetadataToken)
      .findOne({ where: { machineId }, order: { createdAt: 'DESC' } });
    return row?.usedAt != null && row.usedAt >= since ? row.usedAt : null;
  }

  private async live(token: string, address: string): Promise<MetadataToken> {
    const manager = this.dataSource.manager;
    const row = await manager.findOneBy(MetadataToken, { hash: hashOf(token) });
    if (row === null) throw new MusterError('unauthenticated', 'cannot give metadata: the token is unknown');
    if (row.usedAt !== null) throw await this.refuse(row.machineId, 'was used before', address);
    if (row.expiresAt <= this.clock.now()) throw await this.refuse(row.machineId, 'is too old', address);
    if (row.address === null) {
      await manager.update(MetadataToken, { id: row.id, address: IsNull() }, { address });
      row.address = (await manager.findOneByOrFail(MetadataToken, { id: row.id })).address;
    }
    if (row.address !== address) throw await this.refuse(row.machineId, `belongs to ${row.address ?? ''}`, address);
    return row;
  }

  private async refuse(machineId: string, why: string, address: string): Promise<MusterError> {
    const message = `a metadata token that ${why} was shown by ${address}`;
    await this.changes.event(machineId, {
      kind: 'metadata-replayed',
      level: 'alert',
      message,
      details: { address },
      actor: 'machine',
    });
    return new MusterError('unauthenticated', `cannot give metadata: the token ${why}`);
  }
}
