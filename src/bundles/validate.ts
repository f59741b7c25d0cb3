import type { Bundle, BundleApplication } from './bundle.js';
import type { Constraints } from './constraints.js';
import type { Diagnostics } from './diagnostics.js';
import { expectedNames } from './near-miss.js';
import { besideIndex, placementOf, unitCount } from './place.js';
import { parsePlacement, type Placement } from './placement.js';
import { resolveRelations, type Relation } from './relations.js';
import { expectedOption, readOption } from './roles/role-option.js';
import type { RoleDefinition, RoleLibrary } from './roles/role.js';
import { checkPublished } from './script-names.js';
import type { Located } from './source.js';

/** Juju's: a hyphen stands between letters, and never before a number alone (that would be a unit's machine). */
const APPLICATION_NAME = /^[a-z][a-z0-9]*(?:-[a-z0-9]*[a-z][a-z0-9]*)*$/;

/** So many units are more likely a slip of the finger than a wish. */
export const MAX_UNITS = 10_000;

/** Nobody stands on more shoulders; each costs the stack. */
const MAX_PLACEMENT_CHAIN = 100;

/** Tells everything that is wrong with what a bundle means; its shape is right already. */
export function validateBundle(
  bundle: Bundle,
  roles: RoleLibrary,
  diagnostics: Diagnostics,
  /** Roles that are there and cannot be read, which is told already. */
  broken: ReadonlySet<string> = new Set(),
): void {
  new Validation(bundle, roles, diagnostics, broken).run();
}

class Validation {
  private readonly usedMachines = new Set<string>();

  constructor(
    private readonly bundle: Bundle,
    private readonly roles: RoleLibrary,
    private readonly diagnostics: Diagnostics,
    private readonly broken: ReadonlySet<string>,
  ) {}

  run(): void {
    const relations = resolveRelations(this.bundle, this.roles, this.diagnostics);
    for (const application of this.bundle.applications.values()) this.application(application, relations);
    this.unitsInAll();
    this.machines();
    this.placementCircles();
    this.settings();
    checkPublished(this.bundle, this.roles, relations, this.diagnostics);
  }

  private application(application: BundleApplication, relations: readonly Relation[]): void {
    const { name, at } = application;
    if (!APPLICATION_NAME.test(name))
      this.diagnostics.error(at, `wrong application name "${name}"`, 'expected small letters, digits and hyphens');
    if (unitCount(application) > MAX_UNITS)
      this.diagnostics.error(at, `${unitCount(application)} units of "${name}"`, `at most ${MAX_UNITS}`);
    this.placements(application);
    const role = this.roles.get(application.role.value);
    if (!role) {
      if (application.role.value !== '' && !this.broken.has(application.role.value)) {
        this.diagnostics.error(application.role.at, `unknown role "${application.role.value}"`, () =>
          this.knownRoles(application.role.value),
        );
      }
      return;
    }
    this.options(application, role);
    if (role.subordinate) this.subordinate(application, relations);
  }

  private knownRoles(written: string): string {
    const near = expectedNames(written, this.roles.keys(), 'roles');
    if (near.startsWith('did you mean') || !APPLICATION_NAME.test(written)) return near;
    return `${near}; of your own it is the folder roles/${written} beside the bundle`;
  }

  private unitsInAll(): void {
    let units = 0;
    for (const application of this.bundle.applications.values()) {
      const before = units;
      units += unitCount(application);
      if (units > MAX_UNITS && before > 0 && before <= MAX_UNITS && unitCount(application) <= MAX_UNITS)
        this.diagnostics.error(application.at, `more than ${MAX_UNITS} units in all`, `at most ${MAX_UNITS}`);
    }
  }

  private subordinate({ name, at, units, to }: BundleApplication, relations: readonly Relation[]): void {
    const [placed] = to;
    if (placed)
      this.diagnostics.error(placed.at, `"${name}" is a subordinate and cannot be placed`, 'it rides on related units');
    if (units !== null && units > 0)
      this.diagnostics.error(at, `"${name}" is a subordinate and has no number of units`, 'leave num_units out');
    const rides = relations.some(({ riding, ends }) => riding && ends.some((end) => end.application === name));
    if (!rides) this.diagnostics.error(at, `subordinate "${name}" rides on nothing`, 'relate it to an application');
  }

  private options({ options }: BundleApplication, role: RoleDefinition): void {
    for (const [name, { keyAt, value, written }] of options) {
      const option = role.options.get(name);
      if (!option)
        this.diagnostics.error(keyAt, `role "${role.name}" has no option "${name}"`, () =>
          expectedNames(name, role.options.keys(), 'options'),
        );
      else if (readOption(option, value.value, written) === null)
        this.diagnostics.error(value.at, `wrong value for option "${name}"`, `expected ${expectedOption(option)}`);
    }
  }

  private placements(application: BundleApplication): void {
    const { name, to, constraintsAt } = application;
    const surplus = to[unitCount(application)];
    if (surplus)
      this.diagnostics.error(
        surplus.at,
        `"${name}" has more placements than units`,
        `expected at most ${unitCount(application)}`,
      );
    const placements = to.map((written) => this.placement(written));
    const fresh = placements.some((placement) => placement?.target.kind === 'new' || placement?.container);
    if (constraintsAt && to.length > 0 && !fresh)
      this.diagnostics.notice(constraintsAt, 'constraints are ignored where `to` names the node');
    // Of `lxd:new` they are the new machine's as well.
    const isInside = placements.some((each) => each?.container && each.target.kind !== 'new');
    if (constraintsAt && isInside && asksMoreThanContainersGive(application.constraints))
      this.diagnostics.notice(constraintsAt, 'in a container only arch, cores, mem and root-disk count');
  }

  private placement(written: Located<string>): Placement | null {
    const placement = parsePlacement(written.value);
    if (!placement) {
      const hint = 'expected such as 0, lxd:0, new, app, app/0 or lxd:app/0';
      this.diagnostics.error(written.at, `wrong placement "${written.value}"`, hint);
      return null;
    }
    const { target } = placement;
    if (target.kind === 'machine') this.machineTarget(target.machine, written);
    else if (target.kind !== 'new') this.applicationTarget(target, written);
    return placement;
  }

  private machineTarget(machine: string, { at }: Located<string>): void {
    this.usedMachines.add(machine);
    if (this.bundle.machines.has(machine)) return;
    const hint = () => expectedNames(machine, this.bundle.machines.keys(), 'machines');
    this.diagnostics.error(at, `unknown machine "${machine}"`, hint);
  }

  private applicationTarget(target: { application: string; index?: number }, { at }: Located<string>): void {
    const other = this.bundle.applications.get(target.application);
    if (!other) {
      const hint = () => expectedNames(target.application, this.bundle.applications.keys(), 'applications');
      this.diagnostics.error(at, `unknown application "${target.application}" in a placement`, hint);
    } else if (this.roles.get(other.role.value)?.subordinate === true)
      this.diagnostics.error(at, `"${other.name}" is a subordinate: nothing can be placed on it`);
    else if ((target.index ?? 0) >= unitCount(other))
      this.diagnostics.error(
        at,
        `"${other.name}" has no unit ${target.index ?? 0}`,
        `it has ${unitCount(other)}, counted from 0`,
      );
  }

  private machines(): void {
    for (const { name, at } of this.bundle.machines.values()) {
      if (!/^\d{1,9}$/.test(name)) this.diagnostics.error(at, `wrong machine name "${name}"`, 'expected a number');
      else if (!this.usedMachines.has(name))
        this.diagnostics.notice(at, `nothing is placed on machine "${name}": it is left out`);
    }
  }

  private placementCircles(): void {
    const ended = new Map<string, number>();
    for (const application of this.bundle.applications.values())
      for (let index = 0; index < Math.min(unitCount(application), application.to.length); index++)
        this.followPlacement(application, index, ended);
  }

  /** `ended`: how many placements in a row go out from a unit that was looked at. */
  private followPlacement(from: BundleApplication, fromIndex: number, ended: Map<string, number>): void {
    const at = from.to[fromIndex]?.at ?? from.at;
    const path = new Set<string>();
    let unit: { application: BundleApplication; index: number } | null = { application: from, index: fromIndex };
    while (unit) {
      const key = `${unit.application.name}/${unit.index}`;
      if (path.has(key)) {
        if (key === `${from.name}/${fromIndex}`)
          this.diagnostics.error(at, `the placement of ${key} leads back to it`, 'break the circle');
        return;
      }
      if (ended.has(key)) break;
      path.add(key);
      unit = this.unitBeside(unit.application, unit.index);
    }
    const known = unit ? (ended.get(`${unit.application.name}/${unit.index}`) ?? 0) : 0;
    for (const [position, key] of [...path].entries()) ended.set(key, known + path.size - position);
    if (known + path.size > MAX_PLACEMENT_CHAIN)
      this.diagnostics.error(at, 'too many placements in a row', `at most ${MAX_PLACEMENT_CHAIN}`);
  }

  private unitBeside(
    application: BundleApplication,
    index: number,
  ): { application: BundleApplication; index: number } | null {
    const { target } = placementOf(application, index);
    if (target.kind !== 'unit' && target.kind !== 'application') return null;
    const other = this.bundle.applications.get(target.application);
    return other ? { application: other, index: besideIndex(application, index, target, other) } : null;
  }

  private settings(): void {
    const { verify, outputs, questions } = this.bundle.settings;
    for (const { set } of questions) this.optionPath(set);
    for (const output of outputs.values()) this.publishedPath(output);
    for (const step of verify) this.verifyStep(step);
  }

  private optionPath({ value, at }: Located<string>): void {
    const [application, rest] = this.roleAt(value, at);
    if (!application || application.role.options.has(rest)) return;
    const hint = () => expectedNames(rest, application.role.options.keys(), 'options');
    this.diagnostics.error(at, `role "${application.role.name}" has no option "${rest}"`, hint);
  }

  private publishedPath({ value, at }: Located<string>): void {
    const [application, rest] = this.roleAt(value, at);
    if (!application) return;
    const published = [...application.role.steps.values()].flatMap((step) => [
      ...step.publishes,
      ...step.secrets.keys(),
    ]);
    if (published.includes(rest)) return;
    const hint = () => expectedNames(rest, published, 'published values');
    this.diagnostics.error(at, `role "${application.role.name}" publishes no "${rest}"`, hint);
  }

  /** `application.rest`, where the application exists and its role is known. */
  private roleAt(written: string, at: Located<string>['at']): [{ role: RoleDefinition } | null, string] {
    const dot = written.indexOf('.');
    const name = dot === -1 ? written : written.slice(0, dot);
    const application = this.bundle.applications.get(name);
    if (dot === -1 || !application) {
      const hint = () => expectedNames(name, this.bundle.applications.keys(), 'applications');
      this.diagnostics.error(at, `"${written}" does not name an application and a value`, hint);
      return [null, ''];
    }
    const role = this.roles.get(application.role.value);
    return [role ? { role } : null, written.slice(dot + 1)];
  }

  private verifyStep({ value, at }: Located<string>): void {
    const names = verifyStepNames(this.bundle, this.roles);
    if (!names.includes(value))
      this.diagnostics.error(at, `no role has a verify step "${value}"`, () =>
        expectedNames(value, names, 'verify steps'),
      );
  }
}

/** The names by which `muster.verify` can choose: `step`, and `application:step`. */
function verifyStepNames(bundle: Bundle, roles: RoleLibrary): string[] {
  return [...bundle.applications.values()].flatMap((application) =>
    [...(roles.get(application.role.value)?.steps.values() ?? [])]
      .filter((step) => step.on === 'verify')
      .flatMap((step) => [step.name, `${application.name}:${step.name}`]),
  );
}

const OF_CONTAINERS: readonly (keyof Constraints)[] = ['arch', 'container', 'cores', 'memMiB', 'rootDiskMiB'];

function asksMoreThanContainersGive(constraints: Constraints): boolean {
  return (Object.keys(constraints) as (keyof Constraints)[]).some((key) => !OF_CONTAINERS.includes(key));
}
