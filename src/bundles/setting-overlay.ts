import type { SourceFile } from './source.js';

/** One thing that is said over a bundle: `etcd.port=2381`; under the name `num_units` the number of units. */
export interface Setting {
  application: string;
  /** An option of the application's role, or `num_units`, which no option can be called. */
  option: string;
  /** As written: what type it is to have is the role's matter. */
  value: string;
}

const NUM_UNITS = 'num_units';

/** An overlay that says these settings; of two for one option the later counts. Equal settings, equal text. */
export function settingOverlay(settings: readonly Setting[], name = 'settings.yaml'): SourceFile {
  const lines = ['applications:'];
  for (const [application, own] of byApplication(settings)) {
    lines.push(`  ${JSON.stringify(application)}:`);
    const units = own.get(NUM_UNITS);
    if (units !== undefined) lines.push(`    ${NUM_UNITS}: ${scalar(units)}`);
    own.delete(NUM_UNITS);
    if (own.size > 0) lines.push('    options:');
    for (const [option, value] of own) lines.push(`      ${JSON.stringify(option)}: ${scalar(value)}`);
  }
  return { name, text: `${settings.length === 0 ? 'applications: {}' : lines.join('\n')}\n` };
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
