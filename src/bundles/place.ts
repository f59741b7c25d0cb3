import { formatBase, sameBase, type Base } from './base.js';
import type { Bundle, BundleApplication } from './bundle.js';
import type { Constraints } from './constraints.js';
import type { Diagnostics } from './diagnostics.js';
import { parsePlacement, type Placement } from './placement.js';
import type { Relation } from './relations.js';
import type { ContainerNeeds, RoleDefinition, RoleLibrary } from './roles/role.js';
import type { Span } from './source.js';

/** A node that the bundle needs: a machine (or a cloud instance), or a container on one. */
export interface PlannedNode {
  /** Stable while the bundle's other parts change: `0`, `etcd-1` (a new machine), `0/lxd/easyrsa-0`. */
  key: string;
  /** Good as a host name. */
  name: string;
  constraints: Constraints;
  base: Base;
  placement: { kind: 'machine' } | { kind: 'container'; container: 'lxd' | 'kvm'; on: string };
  /** What it has to allow where it is a system container: what its roles, and those of the containers on it, need. */
  container: ContainerNeeds;
}

export interface PlannedUnit {
  /** `etcd/0`. */
  name: string;
  application: string;
  index: number;
  role: string;
  /** Key of the node it is placed on. */
  node: string;
  /** Unit 0 of its application. */
  leader: boolean;
  /** The unit that a subordinate rides on. */
  principal: string | null;
}

export interface PlaceOptions {
  /** Goes before all that the bundle says. */
  base?: Base;
  /** What the cloud can give; absent: anything. */
  availableBases?: readonly Base[];
}

export interface Placed {
  nodes: PlannedNode[];
  units: PlannedUnit[];
}

/** How many units an application has: as said, else as many as it has placements, else one. */
export function unitCount(application: BundleApplication): number {
  return application.units ?? Math.max(1, application.to.length);
}

/** Which unit of `other` a placement names: for a whole application the next one in turn, and then always the last. */
export function besideIndex(
  application: BundleApplication,
  index: number,
  target: Placement['target'],
  other: BundleApplication,
): number {
  if (target.kind === 'unit') return target.index;
  const first = application.to.findIndex((to) => {
    const earlier = parsePlacement(to.value)?.target;
    return earlier?.kind === 'application' && earlier.application === other.name;
  });
  return Math.max(0, Math.min(index - Math.max(0, first), unitCount(other) - 1));
}

/** Puts every unit of a valid bundle on a node, in the order of the bundle. */
export function place(
  bundle: Bundle,
  roles: RoleLibrary,
  relations: readonly Relation[],
  options: PlaceOptions,
  diagnostics: Diagnostics,
): Placed {
  const placer = new Placer(bundle, roles);
  const units = [...placer.principals(), ...subordinates(bundle, roles, relations, placer.principals())];
  const nodes = [...placer.nodes.values()].map((draft): PlannedNode => {
    const base = chooseBase(bundle, draft, unitsOn(units, draft.key), roles, options, diagnostics);
    const { key, constraints, placement } = draft;
    const name = /^\d/.test(key) ? `node-${key.replaceAll('/', '-')}` : key.replaceAll('/', '-');
    const container = containerNeeds(draft, [...placer.nodes.values()], units, roles);
    return { key, name, constraints, base, placement, container };
  });
  return { nodes, units };
}

function containerNeeds(
  node: NodeDraft,
  nodes: readonly NodeDraft[],
  units: readonly PlannedUnit[],
  roles: RoleLibrary,
): ContainerNeeds {
  const inside = nodes.filter(({ placement }) => placement.kind === 'container' && placement.on === node.key);
  const here = [node, ...inside].flatMap(({ key }) => unitsOn(units, key));
  const needs = here.flatMap((unit) => roles.get(unit.role)?.container ?? []);
  return {
    nesting: inside.length > 0 || needs.some(({ nesting }) => nesting),
    privileged: needs.some(({ privileged }) => privileged),
  };
}

interface NodeDraft {
  key: string;
  at: Span;
  base: Base | null;
  constraints: Constraints;
  placement: PlannedNode['placement'];
}

class Placer {
  readonly nodes = new Map<string, NodeDraft>();
  private readonly placed = new Map<string, string>();
  private units: PlannedUnit[] | null = null;

  constructor(
    private readonly bundle: Bundle,
    private readonly roles: RoleLibrary,
  ) {
    for (const { name, at, base, constraints } of bundle.machines.values())
      this.nodes.set(name, { key: name, at, base, constraints, placement: { kind: 'machine' } });
  }

  principals(): PlannedUnit[] {
    this.units ??= [...this.bundle.applications.values()]
      .filter((application) => this.roles.get(application.role.value)?.subordinate === false)
      .flatMap((application) =>
        Array.from({ length: unitCount(application) }, (_, index) =>
          unitOf(application, index, this.nodeOf(application, index), null),
        ),
      );
    return this.units;
  }

  /** Valid bundles have no circles of placement, so this ends. */
  private nodeOf(application: BundleApplication, index: number): string {
    const unit = `${application.name}/${index}`;
    const known = this.placed.get(unit);
    if (known !== undefined) return known;
    const written = application.to[Math.min(index, application.to.length - 1)]?.value ?? 'new';
    const placement = parsePlacement(written) ?? { container: null, target: { kind: 'new' } };
    const node = this.resolve(application, index, placement);
    this.placed.set(unit, node);
    return node;
  }

  private resolve(application: BundleApplication, index: number, { container, target }: Placement): string {
    const own = `${application.name}-${index}`;
    const on = this.target(application, index, target) ?? this.newMachine(application, own);
    if (container === null) return on;
    // A container goes on the machine, never into another container.
    const host = this.nodes.get(on)?.placement;
    const machine = host?.kind === 'container' ? host.on : on;
    const key = `${machine}/${container}/${own}`;
    const { at, base, constraints } = application;
    this.nodes.set(key, { key, at, base, constraints, placement: { kind: 'container', container, on: machine } });
    return key;
  }

  private target(application: BundleApplication, index: number, target: Placement['target']): string | null {
    if (target.kind === 'new') return null;
    if (target.kind === 'machine') return target.machine;
    const other = this.bundle.applications.get(target.application);
    if (!other) return null;
    return this.nodeOf(other, besideIndex(application, index, target, other));
  }

  private newMachine(application: BundleApplication, key: string): string {
    const { at, base, constraints } = application;
    this.nodes.set(key, { key, at, base, constraints, placement: { kind: 'machine' } });
    return key;
  }
}

function unitOf(application: BundleApplication, index: number, node: string, principal: string | null): PlannedUnit {
  const { name, role } = application;
  return {
    name: `${name}/${index}`,
    application: name,
    index,
    role: role.value,
    node,
    leader: index === 0,
    principal,
  };
}

/** One unit of a subordinate on every unit it is related to, in the order of those. */
function subordinates(
  bundle: Bundle,
  roles: RoleLibrary,
  relations: readonly Relation[],
  principals: readonly PlannedUnit[],
): PlannedUnit[] {
  return [...bundle.applications.values()]
    .filter((application) => roles.get(application.role.value)?.subordinate === true)
    .flatMap((application) => {
      const hosts = new Set(
        relations.flatMap(({ riding, ends: [a, b] }) => {
          if (!riding || (a.application !== application.name && b.application !== application.name)) return [];
          return a.application === application.name ? b.application : a.application;
        }),
      );
      return principals
        .filter((unit) => hosts.has(unit.application))
        .map((unit, index) => unitOf(application, index, unit.node, unit.name));
    });
}

function unitsOn(units: readonly PlannedUnit[], node: string): PlannedUnit[] {
  return units.filter((unit) => unit.node === node);
}

/** The first base that is asked for, that every role on the node supports and that the cloud can give. */
function chooseBase(
  bundle: Bundle,
  node: NodeDraft,
  units: readonly PlannedUnit[],
  roles: RoleLibrary,
  options: PlaceOptions,
  diagnostics: Diagnostics,
): Base {
  const here = units.flatMap((unit) => roles.get(unit.role) ?? []);
  const wanted = wantedBases(bundle, node, here, options);
  const available = options.availableBases;
  const fits = (base: Base): boolean =>
    here.every((role) => supports(role, base)) &&
    (available === undefined || available.some((given) => sameBase(given, base)));
  const chosen = wanted.find(fits);
  if (chosen) return chosen;
  const asked = wanted.map(formatBase).join(', ') || 'none';
  const refusing = here.find((role) => !wanted.some((base) => supports(role, base)));
  if (refusing)
    diagnostics.error(
      node.at,
      `role "${refusing.name}" does not support ${asked}`,
      `it supports ${refusing.bases.map(formatBase).join(', ')}`,
    );
  else {
    const given = available?.map(formatBase).join(', ') ?? '';
    diagnostics.error(
      node.at,
      `no base for node ${node.key}: wanted ${asked}`,
      `the cloud can give ${given || 'none'}`,
    );
  }
  return wanted[0] ?? { os: 'unknown', release: '0' };
}

function wantedBases(bundle: Bundle, node: NodeDraft, here: readonly RoleDefinition[], options: PlaceOptions): Base[] {
  if (options.base) return [options.base];
  if (bundle.settings.bases.length > 0) return bundle.settings.bases;
  const said = node.base ?? bundle.base;
  return said ? [said] : (here[0]?.bases ?? []);
}

function supports(role: RoleDefinition, base: Base): boolean {
  return role.bases.some((supported) => sameBase(supported, base));
}
