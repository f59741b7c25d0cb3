import { z } from 'zod';

const SUM = /^[0-9a-fA-F]{64}$/;

/** What GitHub's API tells of a release; files from before it told sums have no digest. */
const release = z.object({
  assets: z.array(z.object({ name: z.string(), digest: z.string().nullish() })),
});

/**
 * The SHA-256 of a file, out of a text that tells it: the sum alone, lines as `sha256sum` (`SUM  NAME`, `SUM *NAME`)
 * and BSD's `sha256` (`SHA256 (NAME) = SUM`) write them, or a release as GitHub's API tells it. Null where it is not told.
 */
export function sumIn(text: string, fileName: string): string | null {
  if (text.trimStart().startsWith('{')) return sumOfRelease(text, fileName);
  const lines = text.split('\n').map((line) => line.trim());
  const said = lines.flatMap((line) => entryOf(line) ?? []);
  const named = said.find(({ name }) => name.slice(name.lastIndexOf('/') + 1) === fileName);
  const [only, ...others] = said;
  if (named !== undefined) return named.sum;
  // A sum without a name is of the file beside it.
  return only !== undefined && others.length === 0 && only.name === '' ? only.sum : null;
}

function sumOfRelease(text: string, fileName: string): string | null {
  const told = release.safeParse(jsonIn(text)).data?.assets.find(({ name }) => name === fileName)?.digest;
  const [algorithm, sum = ''] = told?.split(':') ?? [];
  return algorithm === 'sha256' && SUM.test(sum) ? sum.toLowerCase() : null;
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function entryOf(line: string): { sum: string; name: string } | null {
  const bsd = /^SHA256 \((.*)\) = ([0-9a-fA-F]{64})$/.exec(line);
  if (bsd !== null) return { name: bsd[1] ?? '', sum: (bsd[2] ?? '').toLowerCase() };
  const [sum = '', ...name] = line.split(/\s+/);
  return SUM.test(sum) ? { sum: sum.toLowerCase(), name: name.join(' ').replace(/^\*/, '') } : null;
}
