import type { PlannedUnit } from './place.js';
import type { Relation } from './relations.js';
import { endpointsBefore, type RoleDefinition, type RoleLibrary, type RoleStep } from './roles/role.js';

/** The units on the far side of one endpoint of a unit, one application at a time. */
export interface RelatedUnits {
  application: string;
  /** The far end's endpoint. */
  endpoint: string;
  units: PlannedUnit[];
}

/** Who is related to whom, unit by unit; and which step waits for which. */
export class UnitGraph {
  private readonly byApplication = new Map<string, PlannedUnit[]>();
  /** `application of a subordinate` + `principal`. */
  private readonly riders = new Map<string, PlannedUnit>();
  private readonly byName = new Map<string, PlannedUnit>();

  constructor(
    readonly units: readonly PlannedUnit[],
    private readonly relations: readonly Relation[],
    private readonly roles: RoleLibrary,
  ) {
    for (const unit of units) {
      this.byName.set(unit.name, unit);
      if (unit.principal !== null) this.riders.set(`${unit.application} ${unit.principal}`, unit);
      const siblings = this.byApplication.get(unit.application);
      if (siblings) siblings.push(unit);
      else this.byApplication.set(unit.application, [unit]);
    }
  }

  roleOf(unit: PlannedUnit): RoleDefinition {
    const role = this.roles.get(unit.role);
    if (!role) throw new Error(`cannot find role ${unit.role} of ${unit.name}: the bundle was not validated`);
    return role;
  }

  siblings(unit: PlannedUnit): readonly PlannedUnit[] {
    return this.unitsOf(unit.application);
  }

  unitsOf(application: string): readonly PlannedUnit[] {
    return this.byApplication.get(application) ?? [];
  }

  /** The other units on an endpoint. On a riding relation they are those of the same pair alone. */
  related(unit: PlannedUnit, endpoint: string): RelatedUnits[] {
    if (this.roleOf(unit).peers.has(endpoint)) {
      const others = this.siblings(unit).filter((other) => other !== unit);
      return [{ application: unit.application, endpoint, units: others }];
    }
    return this.relations.flatMap((relation) =>
      relation.ends.flatMap((end, side) => {
        if (end.application !== unit.application || end.endpoint !== endpoint) return [];
        const far = relation.ends[side === 0 ? 1 : 0];
        const units = relation.riding
          ? this.pairOf(unit, far.application)
          : (this.byApplication.get(far.application) ?? []);
        return [{ application: far.application, endpoint: far.endpoint, units }];
      }),
    );
  }

  private pairOf(unit: PlannedUnit, application: string): PlannedUnit[] {
    if (unit.principal === null) {
      const rider = this.riders.get(`${application} ${unit.name}`);
      return rider ? [rider] : [];
    }
    const principal = this.byName.get(unit.principal);
    return principal?.application === application ? [principal] : [];
  }

  /**
   * The steps by which a unit publishes to an endpoint of its own: those that do not themselves wait for that endpoint.
   * So two applications may each publish to the other and then each act on what the other said.
   */
  publishingSteps(unit: PlannedUnit, endpoint: string): RoleStep[] {
    const role = this.roleOf(unit);
    return [...role.steps.values()].filter(
      (step) =>
        (step.publishes.length > 0 || secretsFor(step, endpoint).length > 0) &&
        (step.on === 'apply' || step.on === 'verify') &&
        !endpointsBefore(role, step).includes(endpoint),
    );
  }

  /** The steps by which a unit answers what the units on an endpoint have published, each unit for itself. */
  answeringSteps(unit: PlannedUnit, endpoint: string): RoleStep[] {
    return [...this.roleOf(unit).steps.values()].filter((step) => step.on === 'apply' && step.answers.has(endpoint));
  }
}

/** The secrets that a step publishes to an endpoint. */
export function secretsFor(step: RoleStep, endpoint: string): string[] {
  return [...step.secrets].flatMap(([name, endpoints]) => (endpoints.includes(endpoint) ? [name] : []));
}

/** Where a unit's step runs: a leader's step is the leader's for every unit. */
export function runnerOf(graph: UnitGraph, unit: PlannedUnit, step: RoleStep): PlannedUnit {
  return step.leader ? (graph.siblings(unit)[0] ?? unit) : unit;
}

export function stepKey(unit: PlannedUnit, step: RoleStep): string {
  return `${unit.name}:${step.name}`;
}
