import type { Bundle, BundleEndpoint } from './bundle.js';
import type { Diagnostics } from './diagnostics.js';
import { expectedNames } from './near-miss.js';
import { IMPLICIT_ENDPOINT, interfaceOf, type RoleDefinition, type RoleLibrary } from './roles/role.js';

export interface RelationEnd {
  application: string;
  endpoint: string;
}

/** A relation with both endpoints named. */
export interface Relation {
  ends: [RelationEnd, RelationEnd];
  interface: string;
  /** The subordinate end rides on the other's units, and each pair on a node sees only one another. */
  riding: boolean;
}

/** The relations of a bundle; endpoints left out are found by interface. What cannot be joined is told. */
export function resolveRelations(bundle: Bundle, roles: RoleLibrary, diagnostics: Diagnostics): Relation[] {
  const relations: Relation[] = [];
  const seen = new Set<string>();
  for (const [left, right] of bundle.relations) {
    const a = knownEnd(bundle, roles, left, diagnostics);
    const b = knownEnd(bundle, roles, right, diagnostics);
    if (!a || !b) continue;
    const relation = join(a, b, diagnostics);
    if (!relation) continue;
    const key = relation.ends
      .map((end) => `${end.application}:${end.endpoint}`)
      .sort()
      .join(' ');
    if (seen.has(key))
      diagnostics.error(left.at, `relation ${key.replace(' ', ' and ')} is said twice`, 'once is enough');
    else relations.push(relation);
    seen.add(key);
  }
  return relations;
}

interface KnownEnd {
  written: BundleEndpoint;
  role: RoleDefinition;
}

function knownEnd(
  bundle: Bundle,
  roles: RoleLibrary,
  written: BundleEndpoint,
  diagnostics: Diagnostics,
): KnownEnd | null {
  const application = bundle.applications.get(written.application);
  if (!application && bundle.saas.has(written.application)) {
    diagnostics.notice(written.at, `nothing is related to "${written.application}", which others offer`);
    return null;
  }
  if (!application) {
    const hint = () => expectedNames(written.application, bundle.applications.keys(), 'applications');
    diagnostics.error(written.at, `unknown application "${written.application}" in a relation`, hint);
    return null;
  }
  const role = roles.get(application.role.value);
  if (!role) return null;
  if (written.endpoint === null || interfaceOf(role, written.endpoint) !== null) return { written, role };
  const { endpoint } = written;
  const hint = () => expectedNames(endpoint, [...role.requires.keys(), ...role.provides.keys()], 'endpoints');
  diagnostics.error(written.at, `role "${role.name}" has no endpoint "${written.endpoint}"`, hint);
  return null;
}

interface Plug {
  endpoint: string;
  interface: string;
  side: 'requires' | 'provides';
}

function plugsOf({ role, written }: KnownEnd): Plug[] {
  const side = (kind: 'requires' | 'provides'): Plug[] =>
    [...role[kind]].map(([endpoint, name]) => ({ endpoint, interface: name, side: kind }));
  const implicit: Plug = { endpoint: IMPLICIT_ENDPOINT, interface: IMPLICIT_ENDPOINT, side: 'provides' };
  const plugs = [...side('requires'), ...side('provides'), implicit];
  return written.endpoint === null ? plugs : plugs.filter((plug) => plug.endpoint === written.endpoint);
}

function join(a: KnownEnd, b: KnownEnd, diagnostics: Diagnostics): Relation | null {
  const pairs = plugsOf(a).flatMap((plugA) =>
    plugsOf(b)
      .filter((plugB) => plugA.interface === plugB.interface && plugA.side !== plugB.side)
      .map((plugB) => [plugA, plugB] as const),
  );
  const [pair] = pairs;
  if (!pair) {
    diagnostics.error(
      b.written.at,
      `${nameOf(a)} and ${nameOf(b)} do not fit together`,
      `${plugText(a)}; ${plugText(b)}`,
    );
    return null;
  }
  if (pairs.length > 1) {
    const choices = pairs.map(([plugA, plugB]) => `[${plugA.endpoint}, ${plugB.endpoint}]`).join(' or ');
    diagnostics.error(a.written.at, `${nameOf(a)} and ${nameOf(b)} can be related in several ways`, `say ${choices}`);
    return null;
  }
  const [plugA, plugB] = pair;
  return {
    ends: [
      { application: a.written.application, endpoint: plugA.endpoint },
      { application: b.written.application, endpoint: plugB.endpoint },
    ],
    interface: plugA.interface,
    riding: a.role.subordinate !== b.role.subordinate && rides(a.role, plugA) && rides(b.role, plugB),
  };
}

function rides({ subordinate, rides: by }: RoleDefinition, { endpoint }: Plug): boolean {
  return !subordinate || by === null || by.includes(endpoint);
}

function nameOf({ written }: KnownEnd): string {
  return written.endpoint === null ? `"${written.application}"` : `"${written.application}:${written.endpoint}"`;
}

function plugText(end: KnownEnd): string {
  const plugs = plugsOf(end).filter((plug) => plug.endpoint !== IMPLICIT_ENDPOINT);
  if (plugs.length === 0) return `"${end.written.application}" has no endpoints`;
  const list = plugs.map((plug) => `${plug.side} ${plug.interface} (${plug.endpoint})`).join(', ');
  return `"${end.written.application}" ${list}`;
}
