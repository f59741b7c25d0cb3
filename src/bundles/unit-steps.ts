import { outputOf, step as stepSpec, type JsonObject, type JsonValue, type StepSpec } from '../plan/index.js';
import type { Base } from './base.js';
import type { ArtifactSteps } from './artifact-steps.js';
import type { Bundle } from './bundle.js';
import type { PlannedUnit } from './place.js';
import { packagesOf } from './roles/packages.js';
import { readOption, type OptionValue } from './roles/role-option.js';
import { givenName, secretsAmong, type RoleAction } from './roles/role-action.js';
import { endpointsBefore, type Occasion, type RoleDefinition, type RoleStep } from './roles/role.js';
import { variableOf } from './roles/script-names.js';
import { runnerOf, secretsFor, stepKey, type UnitGraph } from './unit-graph.js';

/** A node that is there. */
export interface StandingNode {
  nodeId: string;
  address: string;
  architecture?: string;
  /** What it was made with, where that is known. */
  base?: Base;
}

/** What stands already, so that a plan need not make it. */
export interface KnownDeployment {
  /** By node key. */
  nodes: Readonly<Record<string, StandingNode>>;
  /** By unit name: the values that its steps published, or references to where they are stored. */
  published: Readonly<Record<string, Readonly<Record<string, JsonValue>>>>;
  /** Names of the units that are there; absent: all of the bundle. */
  units?: ReadonlySet<string>;
}

/** The values of an action's parameters; null: not said, and without a default. */
export type ActionParams = Readonly<Record<string, OptionValue | null>>;

interface Published {
  values: JsonObject;
  secrets: JsonObject;
  /** Keys of the steps that publish them. */
  from: string[];
}

/** Waits for a TCP port of the node itself; bash's own /dev/tcp, so that nothing need be installed. */
const WAIT_TCP_SCRIPT = `#!/bin/bash
set -u
until (exec 3<>"/dev/tcp/$ADDRESS/$WAIT_TCP_PORT") 2>/dev/null; do
  echo "waiting for $ADDRESS port $WAIT_TCP_PORT"
  sleep 1
done
muster-unchanged
`;

/** Builds the steps of units: their input, their edges, their bounds. */
export class UnitSteps {
  constructor(
    private readonly graph: UnitGraph,
    private readonly bundle: Bundle,
    private readonly known: KnownDeployment,
    /** The kinds of steps that the plan has; what the others published is looked up in `known`. */
    private readonly planned: ReadonlySet<Occasion>,
    private readonly artifacts: ArtifactSteps,
    /** By node key. */
    private readonly bases: ReadonlyMap<string, Base>,
  ) {}

  build(unit: PlannedUnit, step: RoleStep): StepSpec {
    const role = this.graph.roleOf(unit);
    const relations = this.relations(unit, role, step);
    const publishes = [...step.publishes, ...step.secrets.keys(), ...this.answersOf(unit, step)];
    const options = optionsOf(this.bundle, unit.application, role);
    const used = step.artifacts.flatMap((name) => role.artifacts.get(name) ?? []);
    const artifacts = this.artifacts.need(unit.node, used, options);
    const after = [...this.readyKey(unit.node), ...this.ownStepsBefore(unit, role, step)];
    after.push(...this.earlierBatch(unit, step), ...relations.after, ...artifacts.after);
    return stepSpec({
      key: stepKey(unit, step),
      kind: 'node.script',
      title: `${unit.name}: ${step.title ?? step.name}`,
      lane: `node/${unit.node}`,
      after: [...new Set(after)],
      timeoutSeconds: step.timeoutSeconds,
      stallSeconds: step.stallSeconds,
      retries: step.retries,
      repeatable: step.repeatable,
      destructive: step.destructive,
      input: {
        nodeId: this.nodeValue(unit.node, 'nodeId'),
        script: step.script ?? WAIT_TCP_SCRIPT,
        ...(step.check === null ? {} : { checkScript: step.check }),
        ...(step.reboot ? { reboot: true } : {}),
        ...(publishes.length === 0 ? {} : { publishes }),
        secrets: [...step.secrets.keys()],
        input: this.document(unit, options, relations.document),
        environment: {
          ...this.environment(unit, options),
          ...(step.waitTcp === null ? {} : { WAIT_TCP_PORT: waitPort(step.waitTcp, options) }),
          ...relations.environment,
        },
        ...secretVariablesOf(role),
        ...(artifacts.entries.length === 0 ? {} : { artifacts: artifacts.entries }),
        ...this.packages(unit, role, step, options),
        files: role.files.map(({ name, text }) => ({ path: name, content: text, mode: 0o644 })),
      },
    });
  }

  /** An action's step: its parameters are beside what every step has. Of secret ones the plan has references alone. */
  buildAction(unit: PlannedUnit, action: RoleAction, params: ActionParams): StepSpec {
    const { input, ...spec } = this.build(unit, action.step);
    // Not a unit's own step: what it did is no part of how the unit stands.
    const key = `action/${unit.name}:${action.name}`;
    const given = Object.keys(secretsAmong(action, params));
    const variables: JsonObject = {};
    const document: JsonObject = {};
    for (const [param, value] of Object.entries(params)) {
      const isGiven = given.includes(givenName(param));
      document[param] = isGiven ? outputOf(key, givenName(param)) : value;
      variables[`PARAM_${variableOf(param)}`] = isGiven ? outputOf(key, givenName(param)) : String(value ?? '');
    }
    return {
      ...spec,
      ...(given.length === 0 ? {} : { given }),
      key,
      input: {
        ...input,
        input: { ...(input.input as JsonObject), params: document },
        environment: { ...(input.environment as JsonObject), ...variables },
      },
    };
  }

  /** What the script may ask apt for. */
  private packages(
    unit: PlannedUnit,
    role: RoleDefinition,
    step: RoleStep,
    options: Record<string, OptionValue | null>,
  ): JsonObject {
    const base = this.bases.get(unit.node);
    const names = step.script === null || base === undefined ? [] : packagesOf(role.packages, base, options);
    return names.length === 0 ? {} : { packages: names };
  }

  /** `$MUSTER_INPUT`. */
  private document(unit: PlannedUnit, options: Record<string, OptionValue | null>, relations: JsonObject): JsonObject {
    return {
      unit: unit.name,
      application: unit.application,
      leader: unit.leader,
      principal: unit.principal,
      node: { key: unit.node, address: this.nodeValue(unit.node, 'address') },
      options,
      relations,
    };
  }

  private environment(unit: PlannedUnit, options: Record<string, OptionValue | null>): JsonObject {
    const environment: JsonObject = {
      UNIT: unit.name,
      APPLICATION: unit.application,
      UNIT_NUMBER: String(unit.index),
      LEADER: String(unit.leader),
      NODE: unit.node,
      ADDRESS: this.nodeValue(unit.node, 'address'),
      PRINCIPAL: unit.principal ?? '',
    };
    for (const [name, value] of Object.entries(options)) environment[optionVariable(name)] = String(value ?? '');
    return environment;
  }

  private ownStepsBefore(unit: PlannedUnit, role: RoleDefinition, step: RoleStep): string[] {
    return step.after.flatMap((name) => {
      const before = role.steps.get(name);
      if (!before || before.on !== step.on) return [];
      return [stepKey(runnerOf(this.graph, unit, before), before)];
    });
  }

  /** With `batch: N`, the units of a batch wait for all of the batch before. */
  private earlierBatch(unit: PlannedUnit, step: RoleStep): string[] {
    if (step.batch === null) return [];
    const first = Math.floor(unit.index / step.batch) * step.batch;
    const earlier = this.graph.siblings(unit).slice(Math.max(0, first - step.batch), first);
    return earlier.map((sibling) => stepKey(sibling, step));
  }

  /** What a step may see of other units: the endpoints it waits for. Data follows the edges. */
  private relations(
    unit: PlannedUnit,
    role: RoleDefinition,
    step: RoleStep,
  ): { after: string[]; document: JsonObject; environment: JsonObject } {
    const after: string[] = [];
    const document: JsonObject = {};
    const environment: JsonObject = {};
    for (const endpoint of endpointsBefore(role, step)) {
      const units: JsonValue[] = [];
      for (const related of this.graph.related(unit, endpoint))
        for (const other of related.units) {
          const { values, secrets, from } = this.published(other, related.endpoint, unit, step);
          const address = this.nodeValue(other.node, 'address');
          after.push(...this.readyKey(other.node), ...from);
          const prefix = `REL_${variableOf(endpoint)}_${units.length}_`;
          environment[`${prefix}UNIT`] = other.name;
          environment[`${prefix}ADDRESS`] = address;
          for (const [name, value] of Object.entries(values)) environment[prefix + variableOf(name)] = value;
          units.push({
            unit: other.name,
            application: other.application,
            node: other.node,
            address,
            values: { ...values, ...secrets },
          });
        }
      environment[`REL_${variableOf(endpoint)}_UNITS`] = String(units.length);
      document[endpoint] = { units };
    }
    return { after, document, environment };
  }

  /** What a unit has published to the reader, by an endpoint of its own. */
  private published(unit: PlannedUnit, endpoint: string, reader: PlannedUnit, readingStep: RoleStep): Published {
    const published: Published = { values: {}, secrets: {}, from: [] };
    for (const step of this.graph.publishingSteps(unit, endpoint)) {
      // Verify comes last: what it publishes is there for verify steps only.
      if (step.on === 'verify' && readingStep.on !== 'verify') continue;
      for (const name of step.publishes) this.take(published, published.values, unit, step, name);
      for (const name of secretsFor(step, endpoint)) this.take(published, published.secrets, unit, step, name);
    }
    for (const step of this.graph.answeringSteps(unit, endpoint))
      for (const name of step.answers.get(endpoint) ?? [])
        this.take(published, published.values, unit, step, name, answerName(name, reader));
    return published;
  }

  /** The names of all that a step has to answer. */
  private answersOf(unit: PlannedUnit, step: RoleStep): string[] {
    return [...step.answers].flatMap(([endpoint, names]) =>
      this.graph
        .related(unit, endpoint)
        .flatMap(({ units }) => units.flatMap((asker) => names.map((name) => answerName(name, asker)))),
    );
  }

  private take(
    published: Published,
    values: JsonObject,
    unit: PlannedUnit,
    step: RoleStep,
    name: string,
    publishedAs = name,
  ): void {
    const publisher = runnerOf(this.graph, unit, step);
    if (this.planned.has(step.on)) {
      published.from.push(stepKey(publisher, step));
      values[name] = outputOf(stepKey(publisher, step), publishedAs);
      return;
    }
    const stands = this.known.published[publisher.name]?.[publishedAs];
    if (stands !== undefined) values[name] = stands;
  }

  private readyKey(node: string): string[] {
    return Object.hasOwn(this.known.nodes, node) ? [] : [readyStepKey(node)];
  }

  private nodeValue(node: string, name: 'nodeId' | 'address'): JsonValue {
    const known = Object.hasOwn(this.known.nodes, node) ? this.known.nodes[node] : undefined;
    return known?.[name] ?? outputOf(readyStepKey(node), name);
  }
}

/** An option is what the application says, else the bundle's own setting, else the role's default. */
export function optionsOf(
  bundle: Bundle,
  application: string,
  role: RoleDefinition,
): Record<string, OptionValue | null> {
  const said = bundle.applications.get(application)?.options;
  const values = [...role.options].map(([name, option]): [string, OptionValue | null] => {
    const own = said?.get(name);
    const setting = option.from === null ? undefined : bundle.settings.network.get(option.from);
    if (own) return [name, readOption(option, own.value.value, own.written)];
    if (setting) return [name, readOption(option, setting.value, setting.value)];
    return [name, option.default];
  });
  return Object.fromEntries(values);
}

/** The key of the step that ends the making of a node and publishes its `nodeId` and `address`. */
export function readyStepKey(node: string): string {
  return `node/${node}:ready`;
}

/** The name under which a step publishes a value for one unit: `certificate.etcd.0`. */
function answerName(name: string, unit: PlannedUnit): string {
  return `${name}.${unit.application}.${unit.index}`;
}

/** A port is a number, or names an option that holds one. */
function waitPort(written: string, options: Record<string, OptionValue | null>): string {
  const [, option] = /^\$\{(.+)\}$/.exec(written) ?? [];
  return option === undefined ? written : String(options[option] ?? '');
}

const optionVariable = (name: string) => `OPT_${variableOf(name)}`;

function secretVariablesOf(role: RoleDefinition): JsonObject {
  const names = [...role.options].filter(([, { secret }]) => secret).map(([name]) => optionVariable(name));
  return names.length === 0 ? {} : { secretVariables: names };
}
