const SUM = /^[0-9a-fA-F]{64}$/;

/**
 * The SHA-256 of a file, out of a text that tells it: the sum alone, or lines as `sha256sum` (`SUM  NAME`, `SUM *NAME`)
 * and BSD's `sha256` (`SHA256 (NAME) = SUM`) write them. Null where it is not told.
 */
export function sumIn(text: string, fileName: string): string | null {
  const lines = text.split('\n').map((line) => line.trim());
  const said = lines.flatMap((line) => entryOf(line) ?? []);
  const named = said.find(({ name }) => name.slice(name.lastIndexOf('/') + 1) === fileName);
  const [only, ...others] = said;
  if (named !== undefined) return named.sum;
  // A sum without a name is of the file beside it.
  return only !== undefined && others.length === 0 && only.name === '' ? only.sum : null;
}

function entryOf(line: string): { sum: string; name: string } | null {
  const bsd = /^SHA256 \((.*)\) = ([0-9a-fA-F]{64})$/.exec(line);
  if (bsd !== null) return { name: bsd[1] ?? '', sum: (bsd[2] ?? '').toLowerCase() };
  const [sum = '', ...name] = line.split(/\s+/);
  return SUM.test(sum) ? { sum: sum.toLowerCase(), name: name.join(' ').replace(/^\*/, '') } : null;
}
