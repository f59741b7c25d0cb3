/** A hostile bundle may have tens of thousands of long names: then none is compared. */
const MAX_COMPARED = 500;
const MAX_COMPARED_LENGTH = 40;

/**
 * The known name that was probably meant, or null. Distance counts insertions, deletions, substitutions and
 * swaps of neighbours (optimal string alignment); ties go to the name that comes first.
 */
function nearMiss(written: string, known: readonly string[]): string | null {
  if (written.length > MAX_COMPARED_LENGTH || known.length > MAX_COMPARED) return null;
  const allowed = Math.max(1, Math.floor(written.length / 3));
  let best: string | null = null;
  let bestDistance = allowed + 1;
  for (const name of known) {
    if (Math.abs(name.length - written.length) >= bestDistance) continue;
    const distance = alignmentDistance(written.toLowerCase(), name.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [name, distance];
  }
  return best;
}

/** The hint that goes with an unknown name: the near miss if there is one, else the names that are known. */
export function expectedNames(written: string, known: Iterable<string>, what: string): string {
  const names = [...known];
  if (names.length <= MAX_COMPARED) names.sort();
  const near = nearMiss(written, names);
  if (near !== null) return `did you mean "${near}"?`;
  if (names.length === 0) return `there is no ${what}`;
  const shown = names.slice(0, 12).join(', ');
  return `${what}: ${shown}${names.length > 12 ? ` and ${names.length - 12} more` : ''}`;
}

function alignmentDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min((previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, (beforePrevious[j - 2] ?? 0) + 1);
      current.push(best);
    }
    [beforePrevious, previous] = [previous, current];
  }
  return previous[b.length] ?? 0;
}
