import type { DataSource } from 'typeorm';
import { MusterError } from '../error.js';
import type { Clock } from '../platform/clock.js';
import type { ArtifactCache } from './artifact-cache.js';
import { ArtifactPin } from './artifact-pin.entity.js';
import { sumIn } from './checksum-file.js';
import { fileNameOf } from './mirrors.js';

/** Sums that a role does not give: read once where it says, and kept. */
export class ArtifactPins {
  constructor(
    private readonly dataSource: DataSource,
    private readonly cache: ArtifactCache,
    private readonly clock: Clock,
  ) {}

  /** The sum that counts for a URL; null: none was told yet. */
  async find(url: string): Promise<string | null> {
    return (await this.dataSource.getRepository(ArtifactPin).findOneBy({ url }))?.sha256 ?? null;
  }

  /** Takes sums that were told elsewhere; those that are here stay. */
  async take(sums: readonly { url: string; sha256: string }[], readFrom: string): Promise<void> {
    if (sums.length === 0) return;
    const pinnedAt = this.clock.now();
    const values = sums.map(({ url, sha256 }) => ({ url, sha256, readFrom, pinnedAt }));
    await this.dataSource.createQueryBuilder().insert().into(ArtifactPin).values(values).orIgnore().execute();
  }

  async sumOf(url: string, readFrom: string, { signal }: { signal: AbortSignal }): Promise<string> {
    const pins = this.dataSource.getRepository(ArtifactPin);
    const pinned = await pins.findOneBy({ url });
    if (pinned !== null) return pinned.sha256;
    const sha256 = sumIn(await this.cache.readText(readFrom, signal), fileNameOf(url));
    if (sha256 === null) {
      throw new MusterError('invalid', `cannot find the SHA-256 of ${fileNameOf(url)} in ${readFrom}`, {
        hint: 'give it by the option that the role has for it',
      });
    }
    // Of two that read it at once the first counts for both.
    await pins
      .createQueryBuilder()
      .insert()
      .values({ url, sha256, readFrom, pinnedAt: this.clock.now() })
      .orIgnore()
      .execute();
    return (await pins.findOneByOrFail({ url })).sha256;
  }
}
