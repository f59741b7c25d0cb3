import { parseBase, type Base } from '../base.js';
import { checkShape } from '../check-shape.js';
import { Diagnostics, type Diagnostic } from '../diagnostics.js';
import { secondsOf } from '../duration.js';
import { expectedNames } from '../near-miss.js';
import { parseYaml } from '../parse.js';
import { roleSchema, type RoleYaml } from '../schema.js';
import type { SourceFile, Span } from '../source.js';
import { checkUses, readArtifacts, type RoleArtifact } from './artifact.js';
import { readPackages, type RolePackage } from './packages.js';
import { readActions, type RoleAction } from './role-action.js';
import { fileText, readFiles, SHARED_FOLDER, type RoleText } from './role-files.js';
import { expectedOption, readOption, type RoleOption } from './role-option.js';
import { checkScriptNames } from './script-names.js';
import { keySpanAt, nodeAt, plainValue, spanAt, textOf, type YamlNode, type YamlPath } from '../yaml-tree.js';

/** `apply` steps lay the role down; the others run on their own occasion. */
export type Occasion = 'apply' | 'verify' | 'remove' | 'action';

export interface RoleStep {
  name: string;
  title: string | null;
  /** The text of the script that does it; null where the step only waits. */
  script: string | null;
  /** Waits for this TCP port of the unit; may name an option, as `${port}`. */
  waitTcp: string | null;
  check: string | null;
  /** Own steps and endpoints. */
  after: string[];
  on: Occasion;
  publishes: string[];
  /** Published too, sealed, and the endpoints they go to; they reach a script there by its input file alone. */
  secrets: Map<string, string[]>;
  /** By endpoint: what the step publishes to each unit there, once that unit has published what it asks. */
  answers: Map<string, string[]>;
  /** Names of the role's artifacts. */
  artifacts: string[];
  timeoutSeconds: number;
  stallSeconds: number;
  retries: number;
  repeatable: boolean;
  destructive: boolean;
  leader: boolean;
  /** So many units at a time; null: all. */
  batch: number | null;
  reboot: boolean;
  /** Of a `remove` step: it runs also where its node is thrown away whole. */
  outside: boolean;
  /** After so long it runs again although nothing changed; null: never. */
  everySeconds: number | null;
}

/** What a node has to allow where it is a system container; a machine allows everything. */
export interface ContainerNeeds {
  /** Containers are made within it. */
  nesting: boolean;
  /** It sees the host's devices, cgroups and kernel settings: root in it is root on the host. */
  privileged: boolean;
}

/** A role: `role.yaml` and the texts of its scripts and files. */
export interface RoleDefinition {
  name: string;
  summary: string;
  bases: Base[];
  subordinate: boolean;
  /** The endpoints by which a subordinate rides on units; null: all of them. (Juju: `scope: container`.) */
  rides: string[] | null;
  options: Map<string, RoleOption>;
  requires: Map<string, string>;
  provides: Map<string, string>;
  peers: Map<string, string>;
  container: ContainerNeeds;
  files: RoleText[];
  artifacts: Map<string, RoleArtifact>;
  packages: RolePackage[];
  steps: Map<string, RoleStep>;
  actions: Map<string, RoleAction>;
}

export type RoleLibrary = ReadonlyMap<string, RoleDefinition>;

/** Every application has this endpoint, so that any subordinate can ride on it (Juju's `juju-info`). */
export const IMPLICIT_ENDPOINT = 'juju-info';

/** The interface of an endpoint of a role, or null where the role has no such endpoint. */
export function interfaceOf(role: RoleDefinition, endpoint: string): string | null {
  const known = role.requires.get(endpoint) ?? role.provides.get(endpoint) ?? role.peers.get(endpoint);
  return known ?? (endpoint === IMPLICIT_ENDPOINT ? IMPLICIT_ENDPOINT : null);
}

/**
 * Reads a `role.yaml`. `files` are the texts of the other files in its folder, by name, and those that roles share, as
 * `shared/NAME`.
 * The role is null where there are errors.
 */
export function parseRole(
  source: SourceFile,
  files: Readonly<Record<string, string>>,
): { role: RoleDefinition | null; diagnostics: Diagnostic[] } {
  const diagnostics = new Diagnostics();
  const [root] = parseYaml(source, diagnostics) ?? [];
  if (!root && !diagnostics.hasErrors())
    diagnostics.error({ source, start: 0, end: 1 }, 'the role is empty', 'expected such as role:');
  if (!root || !checkShape(root, roleSchema, diagnostics)) return { role: null, diagnostics: diagnostics.list() };
  const role = new RoleReader(root, files, diagnostics).read();
  return { role: diagnostics.hasErrors() ? null : role, diagnostics: diagnostics.list() };
}

const NAME = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;
const KEY = /^[a-z][a-z0-9_]*$/;

class RoleReader {
  private readonly yaml: RoleYaml;

  constructor(
    private readonly root: YamlNode,
    private readonly files: Readonly<Record<string, string>>,
    private readonly diagnostics: Diagnostics,
  ) {
    this.yaml = roleSchema.parse(plainValue(root));
  }

  read(): RoleDefinition {
    const { yaml } = this;
    this.name(['role'], String(yaml.role), NAME);
    if (yaml.role === SHARED_FOLDER)
      this.diagnostics.error(this.at(['role']), `"${SHARED_FOLDER}" is no name for a role`, 'roles share its files');
    const role: RoleDefinition = {
      name: String(yaml.role),
      summary: String(yaml.summary),
      bases: yaml.bases.flatMap((base, index) => this.base(String(base), index)),
      subordinate: yaml.subordinate ?? false,
      rides: yaml.rides?.map(String) ?? null,
      options: new Map(Object.entries(yaml.options ?? {}).map(([name, option]) => [name, this.option(name, option)])),
      requires: this.endpoints('requires'),
      provides: this.endpoints('provides'),
      peers: this.endpoints('peers'),
      container: { nesting: yaml.container?.nesting ?? false, privileged: yaml.container?.privileged ?? false },
      files: readFiles(
        (yaml.files ?? []).map(String),
        this.files,
        (index) => this.at(['files', index]),
        this.diagnostics,
      ),
      artifacts: this.artifacts(),
      packages: readPackages(
        yaml.packages ?? [],
        Object.keys(yaml.options ?? {}),
        (path) => this.at(path),
        this.diagnostics,
      ),
      steps: new Map(Object.keys(yaml.steps ?? {}).map((name) => [name, this.step(name)])),
      actions: this.actions(),
    };
    this.checkRides(role);
    this.checkAfter(role);
    this.checkEvery(role);
    this.checkOutside(role);
    checkUses(role, (path) => this.at(path), this.diagnostics);
    this.checkAnswers(role);
    this.checkSecrets(role);
    this.checkCycles(role);
    const heardBy = (step: RoleStep) => endpointsBefore(role, step);
    checkScriptNames(role, { heardBy, at: ({ name }) => this.keyAt(['steps', name]) }, this.diagnostics);
    const actions = { ...role, steps: new Map([...role.actions].map(([name, { step }]) => [name, step])) };
    checkScriptNames(actions, { heardBy, at: ({ name }) => this.keyAt(['actions', name]) }, this.diagnostics);
    return role;
  }

  private base(written: string, index: number): Base[] {
    const base = parseBase(written);
    if (base === null)
      this.diagnostics.error(this.at(['bases', index]), `unknown base "${written}"`, 'expected such as debian@12');
    return base === null ? [] : [base];
  }

  private option(name: string, yaml: NonNullable<RoleYaml['options']>[string]): RoleOption {
    this.name(['options', name], name, NAME);
    const option: RoleOption = {
      type: yaml.type,
      default: null,
      description: String(yaml.description),
      choices: (yaml.choices ?? []).map(String),
      from: yaml.from === undefined ? null : String(yaml.from),
      secret: yaml.secret ?? false,
    };
    if (option.secret && option.type !== 'string')
      this.diagnostics.error(this.at(['options', name, 'secret']), `option "${name}" cannot be secret`, 'type: string');
    if (yaml.default === undefined) return option;
    const written = textOf(nodeAt(this.root, ['options', name, 'default']));
    const read = readOption(option, yaml.default, written);
    if (read === null)
      this.diagnostics.error(
        this.at(['options', name, 'default']),
        `wrong default for option "${name}"`,
        `expected ${expectedOption(option)}`,
      );
    return { ...option, default: read };
  }

  private endpoints(kind: 'requires' | 'provides' | 'peers'): Map<string, string> {
    const endpoints = Object.entries(this.yaml[kind] ?? {}).map(([name, value]): [string, string] => {
      this.name([kind, name], name, NAME);
      return [name, String(value)];
    });
    return new Map(endpoints);
  }

  private artifacts(): Map<string, RoleArtifact> {
    const entries = this.yaml.artifacts ?? {};
    for (const name of Object.keys(entries)) this.name(['artifacts', name], name, NAME);
    const at = (path: string[]) => (path.length === 2 ? this.keyAt(path) : this.at(path));
    return readArtifacts(entries, Object.keys(this.yaml.options ?? {}), at, this.diagnostics);
  }

  private actions(): Map<string, RoleAction> {
    const { root, files, diagnostics, yaml } = this;
    const endpoints = [yaml.requires, yaml.provides, yaml.peers].flatMap((each) => Object.keys(each ?? {}));
    return readActions(yaml.actions ?? {}, { root, files, endpoints, diagnostics });
  }

  private step(name: string): RoleStep {
    const yaml = this.yaml.steps?.[name] ?? {};
    this.name(['steps', name], name, NAME);
    if ((yaml.run === undefined) === (yaml.wait === undefined))
      this.diagnostics.error(
        this.keyAt(['steps', name]),
        `step "${name}" does not say what to do`,
        'either run: or wait:',
      );
    for (const [index, key] of (yaml.publishes ?? []).entries())
      this.name(['steps', name, 'publishes', index], String(key), KEY);
    for (const key of Object.keys(yaml.secrets ?? {})) this.name(['steps', name, 'secrets', key], key, KEY);
    for (const [endpoint, keys] of Object.entries(yaml.answers ?? {}))
      for (const [index, key] of keys.entries())
        this.name(['steps', name, 'answers', endpoint, index], String(key), KEY);
    return {
      name,
      title: yaml.title === undefined ? null : String(yaml.title),
      script: yaml.run === undefined ? null : this.file(String(yaml.run), ['steps', name, 'run']),
      waitTcp: yaml.wait === undefined ? null : this.waitTcp(name, String(yaml.wait.tcp)),
      check: yaml.check === undefined ? null : this.file(String(yaml.check), ['steps', name, 'check']),
      after: (yaml.after ?? []).map(String),
      on: yaml.on ?? 'apply',
      publishes: (yaml.publishes ?? []).map(String),
      secrets: new Map(Object.entries(yaml.secrets ?? {}).map(([key, endpoints]) => [key, endpoints.map(String)])),
      answers: new Map(Object.entries(yaml.answers ?? {}).map(([endpoint, keys]) => [endpoint, keys.map(String)])),
      artifacts: (yaml.artifacts ?? []).map(String),
      timeoutSeconds: secondsOf(yaml.timeout) ?? 600,
      stallSeconds: secondsOf(yaml.stall) ?? secondsOf(yaml.timeout) ?? 300,
      retries: yaml.retries ?? 2,
      repeatable: yaml.repeatable ?? yaml.wait !== undefined,
      destructive: yaml.destructive ?? false,
      leader: yaml.leader ?? false,
      batch: yaml.serial === true ? 1 : (yaml.batch ?? 0) || null,
      reboot: yaml.reboot ?? false,
      outside: yaml.outside ?? false,
      everySeconds: secondsOf(yaml.every),
    };
  }

  private waitTcp(step: string, written: string): string {
    const [, option] = /^\$\{([a-z0-9-]+)\}$/.exec(written) ?? [];
    const path = ['steps', step, 'wait', 'tcp'];
    const options = Object.keys(this.yaml.options ?? {});
    if (option !== undefined && !options.includes(option))
      this.diagnostics.error(this.at(path), `unknown option "${option}"`, expectedNames(option, options, 'options'));
    else if (option === undefined && !/^\d{1,5}$/.test(written))
      this.diagnostics.error(this.at(path), `wrong port "${written}"`, 'expected a number, or an option as ${port}');
    return written;
  }

  private file(name: string, path: YamlPath): string {
    return fileText(name, this.files, this.at(path), this.diagnostics);
  }

  private checkRides({ subordinate, rides, requires, provides }: RoleDefinition): void {
    const endpoints = [...requires.keys(), ...provides.keys()];
    for (const [index, name] of (rides ?? []).entries()) {
      const at = this.at(['rides', index]);
      if (!subordinate) this.diagnostics.error(at, 'only a subordinate rides', 'say subordinate: true');
      else if (!endpoints.includes(name) && name !== IMPLICIT_ENDPOINT)
        this.diagnostics.error(at, `the role has no endpoint "${name}"`, expectedNames(name, endpoints, 'endpoints'));
    }
  }

  private checkAfter(role: RoleDefinition): void {
    const endpoints = [...role.requires.keys(), ...role.provides.keys(), ...role.peers.keys()];
    for (const step of role.steps.values()) {
      for (const [index, name] of step.after.entries()) {
        const at = this.at(['steps', step.name, 'after', index]);
        const other = role.steps.get(name);
        if (!other && !endpoints.includes(name)) {
          const hint = expectedNames(name, [...role.steps.keys(), ...endpoints], 'steps and endpoints');
          this.diagnostics.error(at, `"${name}" is neither a step nor an endpoint of this role`, hint);
        } else if (other && other.on !== step.on && other.on !== 'apply')
          this.diagnostics.error(at, `step "${step.name}" runs on ${step.on}, but "${name}" on ${other.on}`);
      }
    }
  }

  private checkEvery(role: RoleDefinition): void {
    for (const { name, everySeconds, on, repeatable, check } of role.steps.values()) {
      if (everySeconds === null || (on === 'apply' && (repeatable || check !== null))) continue;
      const at = this.keyAt(['steps', name, 'every']);
      this.diagnostics.error(at, `step "${name}" cannot run again`, 'on: apply, and repeatable: true or a check:');
    }
  }

  private checkOutside(role: RoleDefinition): void {
    for (const { name, outside, on } of role.steps.values())
      if (outside && on !== 'remove')
        this.diagnostics.error(
          this.keyAt(['steps', name, 'outside']),
          `step "${name}" takes nothing away`,
          'outside: is for steps with on: remove',
        );
  }

  private checkSecrets(role: RoleDefinition): void {
    const endpoints = [...role.requires.keys(), ...role.provides.keys(), ...role.peers.keys()];
    for (const step of role.steps.values())
      for (const [key, readers] of step.secrets)
        for (const [index, reader] of readers.entries()) {
          if (endpoints.includes(reader)) continue;
          const at = this.at(['steps', step.name, 'secrets', key, index]);
          this.diagnostics.error(
            at,
            `"${reader}" is no endpoint of this role`,
            expectedNames(reader, endpoints, 'endpoints'),
          );
        }
  }

  /** Only who has heard the question can answer it. */
  private checkAnswers(role: RoleDefinition): void {
    for (const step of role.steps.values())
      for (const endpoint of step.answers.keys()) {
        if (endpointsBefore(role, step).includes(endpoint)) continue;
        this.diagnostics.error(
          this.keyAt(['steps', step.name, 'answers', endpoint]),
          `step "${step.name}" answers "${endpoint}", which it does not wait for`,
          `after: [${endpoint}]`,
        );
      }
  }

  private checkCycles(role: RoleDefinition): void {
    for (const step of role.steps.values()) {
      if (!reaches(role, step.name, step.name)) continue;
      this.diagnostics.error(
        this.keyAt(['steps', step.name]),
        `step "${step.name}" comes after itself`,
        'break the circle',
      );
    }
  }

  private name(path: YamlPath, name: string, pattern: RegExp): void {
    if (pattern.test(name)) return;
    const at = path.length === 1 || typeof path.at(-1) === 'number' ? this.at(path) : this.keyAt(path);
    const how = pattern === KEY ? 'underscores' : 'hyphens';
    this.diagnostics.error(at, `wrong name "${name}"`, `expected small letters, digits and ${how}`);
  }

  private at(path: YamlPath): Span {
    return spanAt(this.root, path);
  }

  private keyAt(path: YamlPath): Span {
    return keySpanAt(this.root, path);
  }
}

/** The endpoints that a step waits for, itself or through the role's earlier steps, in the order of the role. */
export function endpointsBefore(role: RoleDefinition, step: RoleStep): string[] {
  const seen = new Set<string>();
  const open = [...step.after];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    open.push(...(role.steps.get(name)?.after ?? []));
  }
  const endpoints = [...role.requires.keys(), ...role.provides.keys(), ...role.peers.keys()];
  return endpoints.filter((endpoint) => seen.has(endpoint));
}

function reaches(role: RoleDefinition, from: string, wanted: string): boolean {
  const seen = new Set<string>();
  const open = [...(role.steps.get(from)?.after ?? [])];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (name === wanted) return true;
    if (seen.has(name)) continue;
    seen.add(name);
    open.push(...(role.steps.get(name)?.after ?? []));
  }
  return false;
}
