import { expect, it } from 'vitest';
import { compileBundle, formatDiagnostic, hasErrors, loadBundle, type Diagnostic } from '../../src/bundles/index.js';
import { fixtureRoles } from '../support/fixture-roles.js';
import { hostileBundle } from '../support/hostile-bundles.js';

const SEED = 20_260_101;
const BUNDLES = 10_000;
/** One of so many of each kind is as large as is read at all. */
const BIG_EVERY = 150;
/** Loose enough for a machine that does much else meanwhile: what hangs, hangs for longer. */
const MOST_MS = 15_000;
const MOST_ANSWER_BYTES = 512 * 1024;

const roles = fixtureRoles();

/** What `bundles check` answers: what there is to say of the bundle, and of its plan. */
function check(files: Parameters<typeof loadBundle>[0]): { diagnostics: Diagnostic[]; answer: number } {
  const { bundle, diagnostics, ...loaded } = loadBundle(files, roles);
  const compiled = bundle === null ? [] : compileBundle({ bundle, roles: loaded.roles }).diagnostics;
  const all = [...diagnostics, ...compiled];
  expect(bundle === null).toBe(hasErrors(diagnostics));
  const told = all.map((each) => [each.message, formatDiagnostic(each)]);
  return { diagnostics: all, answer: Buffer.byteLength(JSON.stringify(told)) };
}

it(`${BUNDLES} hostile bundles are each answered, in bounded time and size`, { timeout: 600_000 }, () => {
  const slowest = { ms: 0, what: '' };
  const largest = { bytes: 0, what: '' };
  let refused = 0;
  for (let n = 0; n < BUNDLES; n++) {
    const { kind, files } = hostileBundle(SEED, n, BIG_EVERY);
    const begun = performance.now();
    const { diagnostics, answer } = check(files);
    const ms = performance.now() - begun;
    if (hasErrors(diagnostics)) refused++;
    if (ms > slowest.ms) Object.assign(slowest, { ms, what: `${kind} ${n}` });
    if (answer > largest.bytes) Object.assign(largest, { bytes: answer, what: `${kind} ${n}` });
  }
  console.log(`hostile bundles: ${refused} of ${BUNDLES} refused; slowest`, slowest, 'largest answer', largest);
  expect(slowest.ms).toBeLessThan(MOST_MS);
  expect(largest.bytes).toBeLessThan(MOST_ANSWER_BYTES);
  // Most are wrong; those that only look it (a name, a number) must not be refused for that.
  expect(refused).toBeGreaterThan(BUNDLES / 2);
  expect(refused).toBeLessThan(BUNDLES);
  // Nothing of them stayed behind.
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(({} as Record<string, unknown>).role).toBeUndefined();
});

it('the same seed makes the same bundles', () => {
  expect(hostileBundle(SEED, 77, BIG_EVERY)).toEqual(hostileBundle(SEED, 77, BIG_EVERY));
  expect(hostileBundle(SEED, 77, BIG_EVERY)).not.toEqual(hostileBundle(SEED, 77 + 13, BIG_EVERY));
});
