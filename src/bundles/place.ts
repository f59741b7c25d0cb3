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
  /** By key of a node that stands: what it was made with. It stays that as long as it is one of those asked for. */
  standing?: ReadonlyMap<string, Base>;
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
  const first = placementsOf(application).firstBeside.get(other.name) ?? 0;
  return Math.max(0, Math.min(index - first, unitCount(other) - 1));
}

interface Placements {
  /** As `to` has them; null where one cannot be read. */
  each: (Placement | null)[];
  /** The first of them that names a whole application. */
  firstBeside: Map<string, number>;
}

const readPlacements = new WeakMap<BundleApplication, Placements>();

function placementsOf(application: BundleApplication): Placements {
  const known = readPlacements.get(application);
  if (known) return known;
  const each = application.to.map((to) => parsePlacement(to.value));
  const firstBeside = new Map<string, number>();
  for (const [index, placement] of each.entries())
    if (placement?.target.kind === 'application' && !firstBeside.has(placement.target.application))
      firstBeside.set(placement.target.application, index);
  const placements = { each, firstBeside };
  readPlacements.set(application, placements);
  return placements;
}

/** Where unit `index` goes: a shorter list repeats its last entry, and no list means a new machine. */
export function placementOf(application: BundleApplication, index: number): Placement {
  const { each } = placementsOf(application);
  return each[Math.min(index, each.length - 1)] ?? { container: null, target: { kind: 'new' } };
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
  const unitsOn = grouped(units, (unit) => unit.node);
  const insideOf = grouped(placer.nodes.values(), ({ placement }) =>
    placement.kind === 'container' ? placement.on : '',
  );
  const isUsed = ({ key }: NodeDraft) => unitsOn.has(key) || insideOf.has(key);
  const nodes = [...placer.nodes.values()].filter(isUsed).map((draft): PlannedNode => {
    const { key, constraints, placement } = draft;
    const name = /^\d/.test(key) ? `node-${key.replaceAll('/', '-')}` : key.replaceAll('/', '-');
    const inside = insideOf.get(key) ?? [];
    const here = [draft, ...inside].flatMap((node) => unitsOn.get(node.key) ?? []);
    const base = chooseBase(bundle, draft, unitsOn.get(key) ?? [], here, roles, options, diagnostics);
    const container = containerNeeds(inside, here, roles);
    return { key, name, constraints, base, placement, container };
  });
  return { nodes, units };
}

/** What a node's own units need of it as a container, and those in the containers on it. */
function containerNeeds(
  inside: readonly NodeDraft[],
  here: readonly PlannedUnit[],
  roles: RoleLibrary,
): ContainerNeeds {
  const needs = here.flatMap((unit) => roles.get(unit.role)?.container ?? []);
  return {
    nesting: inside.length > 0 || needs.some(({ nesting }) => nesting),
    privileged: needs.some(({ privileged }) => privileged),
  };
}

function grouped<T>(items: Iterable<T>, keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group) group.push(item);
    else groups.set(keyOf(item), [item]);
  }
  return groups;
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
    const node = this.resolve(application, index, placementOf(application, index));
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

/** The node's own where it is asked for, else the first that is, that every role on it supports and the cloud can give. */
function chooseBase(
  bundle: Bundle,
  node: NodeDraft,
  units: readonly PlannedUnit[],
  /** Also those in its containers: a machine that only carries these gets their base, where nothing else is said. */
  carried: readonly PlannedUnit[],
  roles: RoleLibrary,
  options: PlaceOptions,
  diagnostics: Diagnostics,
): Base {
  const here = units.flatMap((unit) => roles.get(unit.role) ?? []);
  const first = carried.flatMap((unit) => roles.get(unit.role) ?? [])[0];
  const wanted = wantedBases(bundle, node, units, first?.bases ?? [], options);
  const available = options.availableBases;
  const supported = wanted.filter((base) => here.every((role) => supports(role, base)));
  const own = options.standing?.get(node.key);
  const stays = own && supported.find((base) => sameBase(base, own));
  if (stays) return stays;
  const chosen = supported.find((base) => available === undefined || available.some((given) => sameBase(given, base)));
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

/** What the operator says goes before `muster.bases`, that before the machine's, then its applications', the bundle's and the role's. */
function wantedBases(
  bundle: Bundle,
  node: NodeDraft,
  units: readonly PlannedUnit[],
  otherwise: Base[],
  options: PlaceOptions,
): Base[] {
  if (options.base) return [options.base];
  if (bundle.settings.bases.length > 0) return bundle.settings.bases;
  const ofApplications = units.flatMap((unit) => bundle.applications.get(unit.application)?.base ?? []);
  const said = node.base ?? ofApplications[0] ?? bundle.base;
  return said ? [said] : otherwise;
}

function supports(role: RoleDefinition, base: Base): boolean {
  return role.bases.some((supported) => sameBase(supported, base));
}
