import type { Bundle } from './bundle.js';
import type { Diagnostics } from './diagnostics.js';
import type { Relation, RelationEnd } from './relations.js';
import { endpointsBefore, type RoleDefinition, type RoleLibrary } from './roles/role.js';
import { variableOf } from './roles/script-names.js';

/** What every related unit has, whatever it publishes. */
const ALWAYS = ['UNIT', 'ADDRESS'];

/** Tells where a script reads a value of related units that none of them publishes. */
export function checkPublished(
  bundle: Bundle,
  roles: RoleLibrary,
  relations: readonly Relation[],
  diagnostics: Diagnostics,
): void {
  const roleOf = (application: string) => roles.get(bundle.applications.get(application)?.role.value ?? '');
  for (const [reader, others] of byReader(relations)) {
    const application = bundle.applications.get(reader.application);
    const role = roleOf(reader.application);
    if (!application || !role) continue;
    const published = others.flatMap((other) => publishedBy(roleOf(other)));
    for (const [step, name] of valuesRead(role, reader.endpoint)) {
      if (ALWAYS.includes(name) || published.some((known) => variableOf(known) === name)) continue;
      const said = name.toLowerCase();
      diagnostics.notice(
        application.role.at,
        `step "${step}" of "${reader.application}" reads the value "${said}" of ${others.join(', ')}, which no step there publishes`,
        `in that role.yaml, at the step that publishes it: publishes: [${said}]`,
      );
    }
  }
}

/** By the end that reads: the applications at the other ends. */
function byReader(relations: readonly Relation[]): Map<RelationEnd, string[]> {
  const found = new Map<string, [RelationEnd, string[]]>();
  for (const {
    ends: [left, right],
  } of relations)
    for (const [reader, other] of [
      [left, right],
      [right, left],
    ] as const) {
      const key = `${reader.application}:${reader.endpoint}`;
      const known = found.get(key);
      if (known) known[1].push(other.application);
      else found.set(key, [reader, [other.application]]);
    }
  return new Map(found.values());
}

/** Secrets reach a script by its input file alone. */
function publishedBy(role: RoleDefinition | undefined): string[] {
  return [...(role?.steps.values() ?? [])].flatMap((step) => [...step.publishes, ...[...step.answers.values()].flat()]);
}

/** `$REL_DB_0_URL` reads `URL` of the endpoint `db`. */
function valuesRead(role: RoleDefinition, endpoint: string): [step: string, name: string][] {
  const pattern = new RegExp(`REL_${variableOf(endpoint)}_(?:\\d+|\\$\\w+|\\$\\{\\w+\\})_([A-Z][A-Z0-9_]*)`, 'g');
  return [...role.steps.values()].flatMap((step) => {
    if (!endpointsBefore(role, step).includes(endpoint)) return [];
    const names = [...(step.script ?? '').matchAll(pattern)].map(([, name]) => name ?? '');
    return [...new Set(names)].map((name): [string, string] => [step.name, name]);
  });
}
