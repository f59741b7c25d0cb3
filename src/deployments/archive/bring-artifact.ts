import type { ArtifactCache, ArtifactPins } from '../../artifacts/index.js';
import { MusterError } from '../../error.js';

export interface ArtifactWish {
  name: string;
  /** May hold `${arch}`. */
  url: string;
  sha256: string;
  sha256From: string;
  optional: boolean;
}

export interface ArtifactSources {
  artifacts: Pick<ArtifactCache, 'fetch'>;
  pins: Pick<ArtifactPins, 'sumOf'>;
}

interface BringOptions {
  signal: AbortSignal;
  onProgress?: (progress: { bytes: number; totalBytes: number | null }) => void;
}

/** An artifact on this server, fetched where it is not; null: it is optional, and cannot be had. */
export async function bringArtifact(
  wish: ArtifactWish,
  architecture: string,
  { artifacts, pins }: ArtifactSources,
  options: BringOptions,
): Promise<{ url: string; sha256: string; path: string; sizeBytes: number } | null> {
  const fill = (text: string) => text.replaceAll('${arch}', architecture);
  const url = fill(wish.url);
  try {
    const sha256 = wish.sha256 === '' ? await pins.sumOf(url, fill(wish.sha256From), options) : wish.sha256;
    const { path, sizeBytes } = await artifacts.fetch(url, sha256, options);
    return { url, sha256, path, sizeBytes };
  } catch (error) {
    const isAway = error instanceof MusterError && ['unavailable', 'not-found'].includes(error.kind);
    if (!wish.optional || !isAway || options.signal.aborted) throw error;
    return null;
  }
}
