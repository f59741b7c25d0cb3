import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { BuiltFile } from './build-types.js';

export async function describeFile(path: string): Promise<BuiltFile> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(piece as Buffer);
  return { path, sha256: hash.digest('hex'), sizeBytes: (await stat(path)).size };
}
