import { step, type Plan, type StepSpec } from '../plan/index.js';
import { applicationOrder } from './application-order.js';
import { ArtifactSteps, checkArtifacts } from './artifact-steps.js';
import type { Base } from './base.js';
import type { Bundle } from './bundle.js';
import { Diagnostics, type Diagnostic } from './diagnostics.js';
import { checkPlanSize } from './plan-size.js';
import { place, type PlaceOptions, type PlannedNode, type PlannedUnit } from './place.js';
import type { RoleAction } from './roles/role-action.js';
import { resolveRelations, type Relation } from './relations.js';
import type { Occasion, RoleLibrary, RoleStep } from './roles/role.js';
import { sorted, stepsOfDependants, unitOfKey } from './step-order.js';
import { UnitSteps, type ActionParams, type KnownDeployment } from './unit-steps.js';
import { stepKey, UnitGraph } from './unit-graph.js';

export interface CompileInput {
  /** From {@link loadBundle}, without errors. */
  bundle: Bundle;
  /** The library the bundle was loaded with. */
  roles: RoleLibrary;
  /** What is already known of the deployment: its nodes need no `node/<key>:ready` step, published values are given. */
  known?: KnownDeployment;
  options?: PlaceOptions;
}

export interface CompiledBundle {
  nodes: PlannedNode[];
  units: PlannedUnit[];
  /**
   * Steps of kind `node.script`, and `artifact.fetch` before those that need what it brings. They come after `node/<key>:ready`, a step that whoever gives the nodes puts before
   * them and that publishes `nodeId` and `address`.
   */
  plan: Plan;
  /** Keys of the steps that only prove that it works. */
  verify: string[];
  /** All such steps, also those that the bundle did not choose. */
  checks: StepSpec[];
  /** Applications, who is needed first. */
  order: string[];
  /** By key of a step that is due again some time: after how many seconds. */
  every: Map<string, number>;
  diagnostics: Diagnostic[];
  /** The bundle's outputs: which step publishes each. */
  outputs: Record<string, { step: string; name: string }>;
}

/** The plan that lays a bundle down and then verifies it. Equal input gives an equal plan, byte for byte. */
export function compileBundle(input: CompileInput): CompiledBundle {
  const compilation = new Compilation(input, ['apply', 'verify']);
  return compilation.result({ steps: compilation.layAndVerify() });
}

/** The verify steps alone, for a deployment that stands. */
export function compileVerify(input: CompileInput & { known: KnownDeployment }): CompiledBundle {
  const compilation = new Compilation(input, ['verify']);
  return compilation.result({ steps: compilation.chosenVerify() });
}

export interface CompiledRemoval extends CompiledBundle {
  /** By unit: those that depend on it, at first hand. */
  dependants: ReadonlyMap<string, ReadonlySet<string>>;
  /** Keys of the steps that say goodbye to something outside of the deployment. */
  outside: ReadonlySet<string>;
}

/** The remove steps: who depends on others goes before them. */
export function compileRemove(input: CompileInput & { known: KnownDeployment }): CompiledRemoval {
  const compilation = new Compilation(input, ['remove']);
  const dependants = compilation.dependants();
  const result = compilation.result({ steps: compilation.remove(dependants) });
  return { ...result, dependants, outside: compilation.outside(result.plan) };
}

/** What an action does on these units of one application, for a deployment that stands. */
export function compileAction(
  input: CompileInput & { known: KnownDeployment },
  wish: { units: readonly string[]; action: RoleAction; params: ActionParams },
): CompiledBundle {
  const compilation = new Compilation(input, ['action']);
  return compilation.result({ steps: compilation.action(wish) });
}

const NOTHING_KNOWN: KnownDeployment = { nodes: {}, published: {} };

/** With more edges between the last steps and the checks, one step stands between them. */
const MAX_JOIN_EDGES = 400;

function laidDown(after: string[]): StepSpec {
  return step({ key: 'deployment:laid-down', kind: 'deployment.laid-down', title: 'everything is laid down', after });
}

function basesOf({ nodes }: KnownDeployment): Map<string, Base> {
  return new Map(
    Object.entries(nodes).flatMap(([key, { base }]): [string, Base][] => (base === undefined ? [] : [[key, base]])),
  );
}

type Chosen = (step: RoleStep, unit: PlannedUnit) => boolean;

class Compilation {
  private readonly diagnostics = new Diagnostics();
  private readonly nodes: PlannedNode[];
  private readonly graph: UnitGraph;
  private readonly artifacts: ArtifactSteps;
  private readonly unitsByName: Map<string, PlannedUnit>;
  private readonly unitSteps: UnitSteps;
  private readonly relations: Relation[];
  private readonly isSmallEnough: boolean;
  private checks: StepSpec[] = [];

  constructor(
    private readonly input: CompileInput,
    planned: readonly Occasion[],
  ) {
    const { bundle, roles } = input;
    const known = input.known ?? NOTHING_KNOWN;
    const standingBases = input.options?.standing ?? basesOf(known);
    // What there is to say about them was said when the bundle was loaded.
    const relations = resolveRelations(bundle, roles, new Diagnostics());
    this.relations = relations;
    const placed = place(bundle, roles, relations, { ...input.options, standing: standingBases }, this.diagnostics);
    this.nodes = placed.nodes;
    const standing = known.units;
    const units = standing ? placed.units.filter((unit) => standing.has(unit.name)) : placed.units;
    this.graph = new UnitGraph(units, relations, roles);
    this.unitsByName = new Map(units.map((unit) => [unit.name, unit]));
    this.artifacts = new ArtifactSteps(this.nodes, known.nodes);
    // What a node runs is what it was made with, whatever is wanted by now.
    const bases = new Map(this.nodes.map(({ key, base }) => [key, standingBases.get(key) ?? base]));
    this.unitSteps = new UnitSteps(this.graph, bundle, known, new Set(planned), this.artifacts, bases);
    checkArtifacts(bundle, roles, this.diagnostics);
    this.checkContainerHosts();
    this.isSmallEnough = checkPlanSize(this.graph, bundle, planned, this.diagnostics);
  }

  /** Steps of artifacts go first: those of units are made by now. */
  result(units: Plan): CompiledBundle {
    const plan = { steps: [...this.artifacts.list(), ...units.steps] };
    this.checkCycles(plan);
    const { bundle, roles } = this.input;
    const roleOf = (name: string) => roles.get(bundle.applications.get(name)?.role.value ?? '');
    return {
      nodes: this.nodes,
      units: [...this.graph.units],
      plan,
      verify: plan.steps.map((step) => step.key).filter((key) => this.roleStepOf(key)?.on === 'verify'),
      checks: this.checks,
      order: applicationOrder([...bundle.applications.keys()], this.relations, roleOf),
      every: new Map(
        plan.steps.flatMap(({ key }): [string, number][] => {
          const seconds = this.roleStepOf(key)?.everySeconds ?? null;
          return seconds === null ? [] : [[key, seconds]];
        }),
      ),
      diagnostics: this.diagnostics.list(),
      outputs: this.outputs(),
    };
  }

  /** Undefined for steps that are not of a unit. */
  private roleStepOf(key: string): RoleStep | undefined {
    const unit = this.unitsByName.get(unitOfKey(key));
    return unit && this.graph.roleOf(unit).steps.get(key.slice(unit.name.length + 1));
  }

  apply(): Plan['steps'] {
    return this.steps('apply', () => true);
  }

  /** Verify comes after the last steps of everything: there is nothing to prove before. */
  layAndVerify(): Plan['steps'] {
    const apply = this.apply();
    const verify = this.chosenVerify();
    const followed = new Set(apply.flatMap((step) => step.after));
    const last = apply.filter((step) => !followed.has(step.key)).map((step) => step.key);
    const through = last.length * verify.length <= MAX_JOIN_EDGES ? [] : [laidDown(last)];
    const before = through.length > 0 ? through.map((step) => step.key) : last;
    const after = verify.map((step) => ({ ...step, after: [...new Set([...step.after, ...before])] }));
    return [...apply, ...through, ...after];
  }

  /** The verify steps that the bundle chose: all, where it does not say. Those that publish to others go along. */
  chosenVerify(): Plan['steps'] {
    const chosen = this.input.bundle.settings.verify.map(({ value }) => value);
    const all = this.steps('verify', () => true);
    this.checks = all;
    if (chosen.length === 0) return all;
    const steps = this.steps(
      'verify',
      (step, unit) =>
        step.publishes.length > 0 || chosen.includes(step.name) || chosen.includes(`${unit.application}:${step.name}`),
    );
    // What was not chosen is not waited for.
    const left = new Set(all.map(({ key }) => key));
    for (const { key } of steps) left.delete(key);
    return steps.map((step) => ({ ...step, after: step.after.filter((key) => !left.has(key)) }));
  }

  remove(dependants: CompiledRemoval['dependants']): Plan['steps'] {
    const remove = this.steps('remove', () => true);
    const before = stepsOfDependants(remove, dependants);
    return remove.map((each) => ({ ...each, after: [...new Set([...each.after, ...before(unitOfKey(each.key))])] }));
  }

  dependants(): Map<string, Set<string>> {
    const dependants = new Map<string, Set<string>>();
    for (const { unit, on } of this.dependencyOrder())
      for (const other of on) {
        const known = dependants.get(other);
        if (known) known.add(unit);
        else dependants.set(other, new Set([unit]));
      }
    return dependants;
  }

  outside({ steps }: Plan): Set<string> {
    return new Set(steps.map(({ key }) => key).filter((key) => this.roleStepOf(key)?.outside === true));
  }

  action({ units, action, params }: Parameters<typeof compileAction>[1]): Plan['steps'] {
    const chosen = this.graph.units.filter(({ name }) => units.includes(name));
    const steps = chosen.map((unit) => this.unitSteps.buildAction(unit, action, params));
    const before = (index: number) => (action.serial ? steps.slice(0, index).slice(-1) : []);
    return steps.map((each, index) => ({ ...each, after: [...each.after, ...before(index).map(({ key }) => key)] }));
  }

  private steps(occasion: Occasion, chosen: Chosen): Plan['steps'] {
    if (!this.isSmallEnough) return [];
    return this.graph.units.flatMap((unit) =>
      this.ownSteps(unit, occasion)
        .filter((step) => chosen(step, unit))
        .map((step) => this.unitSteps.build(unit, step)),
    );
  }

  private ownSteps(unit: PlannedUnit, occasion: Occasion): RoleStep[] {
    const steps = [...this.graph.roleOf(unit).steps.values()];
    return steps.filter((step) => step.on === occasion && (unit.leader || !step.leader));
  }

  /** For every unit those it depends on, as far as that is acyclic: a unit depends only on units that finish earlier. */
  private dependencyOrder(): { unit: string; on: Set<string> }[] {
    const apply = sorted(new Compilation({ ...this.input, known: NOTHING_KNOWN }, ['apply']).apply());
    const finished = new Map(apply.map((step, position) => [unitOfKey(step.key), position]));
    const afterOf = new Map<string, string[]>();
    for (const step of apply) {
      const known = afterOf.get(unitOfKey(step.key)) ?? [];
      for (const key of step.after) known.push(unitOfKey(key));
      afterOf.set(unitOfKey(step.key), known);
    }
    return this.graph.units.map(({ name }) => {
      const after = afterOf.get(name) ?? [];
      const mine = finished.get(name) ?? 0;
      return {
        unit: name,
        on: new Set(after.filter((other) => other !== name && (finished.get(other) ?? mine) < mine)),
      };
    });
  }

  private outputs(): CompiledBundle['outputs'] {
    const outputs: CompiledBundle['outputs'] = {};
    for (const [name, { value }] of this.input.bundle.settings.outputs) {
      const application = value.slice(0, value.indexOf('.'));
      const key = value.slice(value.indexOf('.') + 1);
      const unit = this.graph.units.find((candidate) => candidate.application === application);
      const publisher =
        unit &&
        [...this.graph.roleOf(unit).steps.values()].find(
          (step) => step.publishes.includes(key) || step.secrets.has(key),
        );
      if (unit && publisher) outputs[name] = { step: stepKey(unit, publisher), name: key };
    }
    return outputs;
  }

  /** A role's own circles were told with the role; these go through relations. */
  private checkCycles(plan: Plan): void {
    const done = new Set(sorted(plan.steps).map((step) => step.key));
    if (done.size === plan.steps.length) return;
    const stuck = plan.steps.filter((step) => !done.has(step.key)).map((step) => step.key);
    const application = this.input.bundle.applications.get((stuck[0] ?? '').replace(/\/.*$/, ''));
    if (!application) return;
    const hint = `waiting for one another: ${stuck.slice(0, 6).join(', ')}`;
    this.diagnostics.error(application.at, 'the steps of the related applications form a circle', hint);
  }

  private checkContainerHosts(): void {
    for (const node of this.nodes)
      if (node.placement.kind === 'container' && node.placement.container === 'kvm') {
        const unit = this.graph.units.find((candidate) => candidate.node === node.key);
        const application = this.input.bundle.applications.get(unit?.application ?? '');
        const at = application?.to[0]?.at ?? application?.at;
        if (at) this.diagnostics.error(at, 'kvm placements are not supported', 'use lxd:');
      }
  }
}
