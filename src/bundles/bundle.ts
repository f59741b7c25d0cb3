import { parseBase, type Base } from './base.js';
import { parseConstraints, type Constraints } from './constraints.js';
import type { Diagnostics } from './diagnostics.js';
import type { Includes } from './include.js';
import { readSchedules, type BundleSchedule } from './schedules.js';
import type { Located, Span } from './source.js';
import {
  entriesOf,
  itemsOf,
  plainValue,
  textOf,
  valueOf,
  type PlainValue,
  type YamlEntry,
  type YamlNode,
} from './yaml-tree.js';

/** A bundle as it was meant, with the place of everything that can still turn out to be wrong. */
export interface Bundle {
  name: string;
  description: string | null;
  base: Base | null;
  machines: Map<string, BundleMachine>;
  applications: Map<string, BundleApplication>;
  relations: BundleRelation[];
  /** Applications that others offer; nothing is related to them. */
  saas: Set<string>;
  settings: BundleSettings;
}

export interface BundleMachine {
  name: string;
  at: Span;
  base: Base | null;
  constraints: Constraints;
}

export interface BundleApplication {
  name: string;
  /** Where its name stands. */
  at: Span;
  role: Located<string>;
  base: Base | null;
  /** Null where the bundle does not say. */
  units: number | null;
  to: Located<string>[];
  constraints: Constraints;
  constraintsAt: Span | null;
  options: Map<string, BundleOption>;
  expose: boolean;
}

/** An option as the bundle says it; what it includes is in its place. */
export interface BundleOption {
  keyAt: Span;
  value: Located<PlainValue>;
  /** The text of a scalar. */
  written: string | null;
}

/** One end of a relation, as written: `etcd:db` or `etcd`. */
export interface BundleEndpoint {
  application: string;
  endpoint: string | null;
  at: Span;
}

export type BundleRelation = [BundleEndpoint, BundleEndpoint];

export interface BundleQuestion {
  set: Located<string>;
  ask: string;
  choices: string[];
  default: string | null;
}

/** muster's own additions to the grammar. */
export interface BundleSettings {
  bases: Base[];
  clouds: string[];
  questions: BundleQuestion[];
  /** `network.fan.overlay` and so on, for options that take their default `from` there. */
  network: Map<string, Located<string>>;
  verify: Located<string>[];
  outputs: Map<string, Located<string>>;
  schedules: Map<string, BundleSchedule>;
}

/** Kept for who published the bundle, and named in a notice: we do not act on these. */
const NOT_ACTED_ON = [
  'channel',
  'revision',
  'resources',
  'annotations',
  'storage',
  'devices',
  'bindings',
  'exposed-endpoints',
  'offers',
  'trust',
  'plan',
];

/** Reads a tree that has the right shape (check-shape.ts). */
export function bundleFrom(root: YamlNode, diagnostics: Diagnostics, includes: Includes): Bundle {
  return new BundleReader(diagnostics, includes).read(root);
}

class BundleReader {
  constructor(
    private readonly diagnostics: Diagnostics,
    private readonly includes: Includes,
  ) {}

  read(root: YamlNode): Bundle {
    this.exclude(root, 'series', 'default-base');
    this.exclude(root, 'applications', 'services');
    if (valueOf(root, 'saas')) this.diagnostics.notice(this.keyAt(root, 'saas'), '"saas" is kept but not acted on');
    this.type(valueOf(root, 'type'));
    const applications = valueOf(root, 'applications') ?? valueOf(root, 'services');
    return {
      name: textOf(valueOf(root, 'name')) ?? 'bundle',
      description: textOf(valueOf(root, 'description')),
      base: this.base(valueOf(root, 'default-base') ?? valueOf(root, 'series')),
      machines: new Map(entriesOf(valueOf(root, 'machines')).map(([name, entry]) => [name, this.machine(name, entry)])),
      applications: new Map(entriesOf(applications).map(([name, entry]) => [name, this.application(name, entry)])),
      relations: itemsOf(valueOf(root, 'relations')).flatMap((relation) => this.relations(relation)),
      saas: new Set(entriesOf(valueOf(root, 'saas')).map(([name]) => name)),
      settings: this.settings(valueOf(root, 'muster')),
    };
  }

  private type(node: YamlNode | null): void {
    if (node === null) return;
    const type = textOf(node) ?? '';
    if (type !== 'kubernetes') this.diagnostics.notice(node.at, `the type "${type}" is kept but not acted on`);
    else
      this.diagnostics.error(
        node.at,
        'this bundle is for a Kubernetes cluster: its applications would be pods',
        'muster lays applications on machines and containers',
      );
  }

  private machine(name: string, { keyAt, value }: YamlEntry): BundleMachine {
    this.exclude(value, 'series', 'base');
    this.noticeUnused(value);
    const base = this.base(valueOf(value, 'base') ?? valueOf(value, 'series'));
    return { name, at: keyAt, base, constraints: this.constraints(valueOf(value, 'constraints')) };
  }

  private application(name: string, { keyAt, value }: YamlEntry): BundleApplication {
    this.exclude(value, 'role', 'charm');
    this.exclude(value, 'series', 'base');
    this.exclude(value, 'num_units', 'scale');
    this.noticeUnused(value);
    const role = valueOf(value, 'role');
    const charm = valueOf(value, 'charm');
    const written = role ?? charm;
    if (!written) this.diagnostics.error(keyAt, `application "${name}" has no role`, 'expected role: or charm:');
    const units = valueOf(value, 'num_units') ?? valueOf(value, 'scale');
    const constraints = valueOf(value, 'constraints');
    return {
      name,
      at: keyAt,
      role: {
        value: role ? (textOf(role) ?? '') : roleOfCharm(textOf(charm) ?? ''),
        at: written?.at ?? keyAt,
      },
      base: this.base(valueOf(value, 'base') ?? valueOf(value, 'series')),
      units: units?.kind === 'scalar' ? Number(units.value) : null,
      to: this.texts(valueOf(value, 'to')),
      constraints: this.constraints(constraints),
      constraintsAt: constraints?.at ?? null,
      options: new Map(entriesOf(valueOf(value, 'options')).map(([key, entry]) => [key, this.option(entry)])),
      expose: textOf(valueOf(value, 'expose')) === 'true',
    };
  }

  /** `[a:x, [b:y, c:z]]` is Juju's short form of two relations. */
  private relations(node: YamlNode): BundleRelation[] {
    const [left = [], right = []] = itemsOf(node).map((end) => this.texts(end).map(endpointOf));
    return left.flatMap((a) => right.map((b): BundleRelation => [a, b]));
  }

  private settings(node: YamlNode | null): BundleSettings {
    const network = valueOf(node, 'network');
    const networkValues = entriesOf(network).flatMap(([group, entry]) =>
      entriesOf(entry.value).map(([key, { value }]): [string, Located<string>] => [
        `network.${group}.${key}`,
        { value: textOf(value) ?? '', at: value.at },
      ]),
    );
    return {
      bases: itemsOf(valueOf(node, 'bases')).flatMap((base) => this.base(base) ?? []),
      clouds: this.texts(valueOf(node, 'clouds')).map((cloud) => cloud.value),
      questions: itemsOf(valueOf(node, 'questions')).map((question) => this.question(question)),
      network: new Map(networkValues),
      schedules: readSchedules(valueOf(node, 'schedules'), this.diagnostics),
      verify: this.texts(valueOf(node, 'verify')),
      outputs: new Map(
        entriesOf(valueOf(node, 'outputs')).map(([name, { value }]) => [
          name,
          { value: textOf(value) ?? '', at: value.at },
        ]),
      ),
    };
  }

  private question(node: YamlNode): BundleQuestion {
    const set = valueOf(node, 'set');
    return {
      set: { value: textOf(set) ?? '', at: set?.at ?? node.at },
      ask: textOf(valueOf(node, 'ask')) ?? '',
      choices: this.texts(valueOf(node, 'choices')).map((choice) => choice.value),
      default: textOf(valueOf(node, 'default')),
    };
  }

  private texts(node: YamlNode | null): Located<string>[] {
    return itemsOf(node).map((item) => ({ value: textOf(item) ?? '', at: item.at }));
  }

  private option({ keyAt, value }: YamlEntry): BundleOption {
    const { at } = value;
    const written = textOf(value);
    const included = written === null ? null : this.includes.resolve({ value: written, at });
    if (included === null || included === written) return { keyAt, value: { value: plainValue(value), at }, written };
    return { keyAt, value: { value: included, at }, written: included };
  }

  /** Annotations are not acted on, but what they include must be there all the same. */
  private annotations(node: YamlNode | null): void {
    for (const [, { value }] of entriesOf(node))
      if (value.kind === 'scalar') this.includes.resolve({ value: textOf(value) ?? '', at: value.at });
  }

  private constraints(node: YamlNode | null): Constraints {
    return node === null ? {} : parseConstraints(textOf(node) ?? '', node.at, this.diagnostics);
  }

  private base(node: YamlNode | null): Base | null {
    if (node === null) return null;
    const written = textOf(node) ?? '';
    const base = parseBase(written);
    if (base === null)
      this.diagnostics.error(node.at, `unknown base "${written}"`, 'expected such as ubuntu@24.04, debian@12 or noble');
    return base;
  }

  private exclude(node: YamlNode, first: string, second: string): void {
    if (!valueOf(node, first) || !valueOf(node, second)) return;
    this.diagnostics.error(
      this.keyAt(node, second),
      `"${first}" and "${second}" together`,
      'they say the same: keep one',
    );
  }

  private noticeUnused(node: YamlNode): void {
    this.annotations(valueOf(node, 'annotations'));
    for (const key of NOT_ACTED_ON)
      if (valueOf(node, key)) this.diagnostics.notice(this.keyAt(node, key), `"${key}" is kept but not acted on`);
  }

  private keyAt(node: YamlNode, key: string): Span {
    return node.kind === 'map' ? (node.entries.get(key)?.keyAt ?? node.at) : node.at;
  }
}

function endpointOf({ value, at }: Located<string>): BundleEndpoint {
  const colon = value.indexOf(':');
  if (colon === -1) return { application: value, endpoint: null, at };
  return { application: value.slice(0, colon), endpoint: value.slice(colon + 1), at };
}

/** `ch:etcd`, `cs:~containers/etcd-42` and `./charms/etcd` all name the role `etcd`. */
function roleOfCharm(charm: string): string {
  const name = charm.replace(/^(?:ch|cs|local):/, '').replace(/^.*\//, '');
  return name.replace(/-\d+$/, '').replace(/\.charm$/, '');
}
