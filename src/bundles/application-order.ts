import type { Relation, RelationEnd } from './relations.js';
import type { RoleDefinition } from './roles/role.js';

/**
 * Applications in the order of what they need: who provides before who requires (a control plane before its workers).
 * Otherwise as they are given; of a circle the relation that is said last counts for nothing.
 */
export function applicationOrder(
  applications: readonly string[],
  relations: readonly Relation[],
  roleOf: (application: string) => RoleDefinition | undefined,
): string[] {
  const needs = new Map(applications.map((name) => [name, new Set<string>()]));
  const requires = ({ application, endpoint }: RelationEnd) => roleOf(application)?.requires.has(endpoint) === true;
  for (const { ends } of relations) {
    const [user] = ends.filter(requires);
    const provider = ends.find((end) => end !== user);
    if (user === undefined || provider === undefined || user.application === provider.application) continue;
    if (!reaches(needs, provider.application, user.application)) needs.get(user.application)?.add(provider.application);
  }
  const order = new Set<string>();
  const place = (name: string): void => {
    if (order.has(name)) return;
    for (const other of needs.get(name) ?? []) place(other);
    order.add(name);
  };
  applications.forEach(place);
  return [...order];
}

function reaches(needs: ReadonlyMap<string, ReadonlySet<string>>, from: string, wanted: string): boolean {
  const seen = new Set<string>();
  const open = [from];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (name === wanted) return true;
    if (seen.has(name)) continue;
    seen.add(name);
    open.push(...(needs.get(name) ?? []));
  }
  return false;
}
