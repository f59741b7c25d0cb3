import type { Bundle } from './bundle.js';
import { unitCount } from './place.js';
import type { SourceFile } from './source.js';
import { MAX_UNITS } from './validate.js';

/** One thing that is said over a bundle: `etcd.port=2381`; under the name `num_units` the number of units. */
export interface Setting {
  application: string;
  /** An option of the application's role, or `num_units`, which no option can be called. */
  option: string;
  /** As written: what type it is to have is the role's matter. */
  value: string;
}

const NUM_UNITS = 'num_units';

/**
 * An overlay that says these settings; of two for one option the later counts. Equal settings, equal text. `to` has, by
 * application, the placements that go with its number of units.
 */
export function settingOverlay(
  settings: readonly Setting[],
  name = 'settings.yaml',
  to: ReadonlyMap<string, readonly string[]> = new Map(),
): SourceFile {
  const lines = ['applications:'];
  for (const [application, own] of byApplication(settings)) {
    lines.push(`  ${JSON.stringify(application)}:`);
    const units = own.get(NUM_UNITS);
    if (units !== undefined) lines.push(`    ${NUM_UNITS}: ${scalar(units)}`);
    const placements = units === undefined ? undefined : to.get(application);
    if (placements !== undefined) lines.push(`    to: ${JSON.stringify(placements)}`);
    own.delete(NUM_UNITS);
    if (own.size > 0) lines.push('    options:');
    for (const [option, value] of own) lines.push(`      ${JSON.stringify(option)}: ${scalar(value)}`);
  }
  return { name, text: `${settings.length === 0 ? 'applications: {}' : lines.join('\n')}\n` };
}

/**
 * By application: where its units are when settings give it another number of them than the bundle has. A list of
 * placements that is too short repeats its last one; units that are added later each get a machine of their own instead.
 */
export function placementsOfSettings(settings: readonly Setting[], bundle: Bundle): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const { application: name, option, value } of settings) {
    const application = bundle.applications.get(name);
    const count = Number(value);
    if (option !== NUM_UNITS || application === undefined || !(count <= MAX_UNITS)) continue;
    const { to } = application;
    const last = to.at(-1);
    if (last === undefined) continue;
    const own = unitCount(application);
    const placement = (index: number) => (index < own ? (to[index] ?? last).value : 'new');
    found.set(
      name,
      Array.from({ length: count }, (_, index) => placement(index)),
    );
  }
  return found;
}

/** The settings of both, the later over the earlier. */
export function mergeSettings(earlier: readonly Setting[], later: readonly Setting[]): Setting[] {
  const merged = byApplication([...earlier, ...later]);
  return [...merged].flatMap(([application, own]) =>
    [...own].map(([option, value]) => ({ application, option, value })),
  );
}

function byApplication(settings: readonly Setting[]): Map<string, Map<string, string>> {
  const applications = new Map<string, Map<string, string>>();
  for (const { application, option, value } of settings) {
    const own = applications.get(application) ?? new Map<string, string>();
    applications.set(application, own.set(option, value));
  }
  return new Map([...applications].sort(byKey).map(([name, own]) => [name, new Map([...own].sort(byKey))]));
}

const byKey = ([a]: [string, unknown], [b]: [string, unknown]) => (a < b ? -1 : 1);

/** Numbers, true and false stand as they are written; an option that takes text gets them so too. Else quoted. */
function scalar(value: string): string {
  return /^(?:true|false|-?(?:0|[1-9]\d{0,15})(?:\.\d{1,15})?)$/.test(value) ? value : JSON.stringify(value);
}
