import {
  fillInOutputs,
  outputReferencesIn,
  storedOutputOf,
  type JsonObject,
  type JsonValue,
  type OutputReference,
  type Plan,
  type StepSpec,
} from '../plan/index.js';
import { effectiveInput } from './effective-input.js';
import { countsByValue, isUnitStep, stepDigest } from './step-digest.js';
import { sorted } from './step-order.js';
import type { StandingNode } from './unit-steps.js';

/** What one step of a unit has been run with, and where what it published is kept. */
export interface AppliedStep {
  nodeId: string;
  /** Null: it was to run again, and it is not known how that ended; or it has begun, and never succeeded. */
  digest: string | null;
  stepId: string;
  appliedAt: Date;
  /** Why a person left its last run out; absent or null: it ran. */
  skipped?: string | null;
  /** Secrets opened: for comparing, never for a plan. */
  outputs: Readonly<Record<string, JsonValue>>;
}

/** A deployment as it stands. */
export interface Standing {
  /** By key: the nodes that are there. */
  nodes: Readonly<Record<string, StandingNode>>;
  /** By the step's key. */
  steps: ReadonlyMap<string, AppliedStep>;
  /** Of {@link stepDigest}. */
  digestKey: string;
}

/**
 * Why a step runs. `new`: never run here. `changed`: its script, its options or what related units published is another
 * than it was run with. `follows`: it reads what a step of this plan will publish. `again`: how its last run ended is
 * not known, or that was asked for. `due`: its last run is older than its role lets it be. `verify`: to prove what the
 * others did.
 */
export type StepChange = 'new' | 'changed' | 'follows' | 'again' | 'due' | 'verify';

export interface PlanDiff {
  /** Those that have to run, put in order among themselves; they refer to what the others published before. */
  steps: StepSpec[];
  changes: Map<string, StepChange>;
  /** By key: what a person left out, and why. It runs again where `changes` has it. */
  skipped: Map<string, string>;
  /** Changed, but neither repeatable nor with a check: done once, and not done again. */
  keptBack: string[];
}

export interface DiffAbout {
  /** The key of the node of a unit's step. */
  nodeOf: (key: string) => string | undefined;
  /** The steps that only prove: all of them run as soon as anything changes. */
  verify: ReadonlySet<string>;
  /** After how many seconds a step runs again although nothing changed. */
  every?: ReadonlyMap<string, number>;
  now?: Date;
  /** Something changes that is not of this plan: a unit goes. */
  disturbed?: boolean;
  /** Every step that lays something down runs once more, where it may. */
  again?: boolean;
}

/**
 * The part of a whole plan that has to run where something stands already. Steps that are not of units run where one
 * that runs needs them.
 */
export function diffPlan(plan: Plan, standing: Standing, about: DiffAbout): PlanDiff {
  return new Diff(plan, standing, about).result();
}

function lacks({ input: { publishes } }: StepSpec, { outputs }: AppliedStep): boolean {
  return Array.isArray(publishes) && publishes.some((name) => typeof name === 'string' && !(name in outputs));
}

class Diff {
  private readonly changes = new Map<string, StepChange>();
  private readonly keptBack: string[] = [];
  private readonly skipped = new Map<string, string>();
  private readonly before = new Map<string, ReadonlySet<string>>();
  private readonly byKey: Map<string, StepSpec>;

  constructor(
    private readonly plan: Plan,
    private readonly standing: Standing,
    private readonly about: DiffAbout,
  ) {
    this.byKey = new Map(plan.steps.map((step) => [step.key, step]));
  }

  result(): PlanDiff {
    for (const step of sorted(this.plan.steps).filter(({ key }) => isUnitStep(key))) {
      const change = this.changeOf(step);
      if (change !== null) this.changes.set(step.key, change);
    }
    if (this.about.disturbed === true || [...this.changes.keys()].some((key) => !this.about.verify.has(key)))
      for (const key of this.about.verify) if (!this.changes.has(key)) this.changes.set(key, 'verify');
    const needed = this.supporting();
    const runs = (key: string) => this.changes.has(key) || needed.has(key);
    const steps = this.plan.steps.filter(({ key }) => runs(key)).map((step) => this.rewritten(step, runs));
    return { steps, changes: this.changes, skipped: this.skipped, keptBack: this.keptBack };
  }

  private changeOf(step: StepSpec): StepChange | null {
    const applied = this.standing.steps.get(step.key);
    const nodeId = this.standing.nodes[this.about.nodeOf(step.key) ?? '']?.nodeId;
    if (applied === undefined || applied.nodeId !== nodeId) return 'new';
    if (typeof applied.skipped === 'string') this.skipped.set(step.key, applied.skipped);
    const change = this.changeSince(step, applied) ?? this.asked(step);
    if (change === null || step.repeatable || step.input.checkScript !== undefined) return change;
    // It has begun, and was never done.
    if (applied.digest === null && typeof applied.skipped !== 'string') return 'new';
    // What only proves runs with whatever changes.
    if (!this.about.verify.has(step.key)) this.keptBack.push(step.key);
    return null;
  }

  private asked({ key }: StepSpec): StepChange | null {
    return this.about.again === true && !this.about.verify.has(key) ? 'again' : null;
  }

  private changeSince(step: StepSpec, applied: AppliedStep): StepChange | null {
    if (applied.digest === null) return 'again';
    const read = outputReferencesIn(effectiveInput(step.input)).filter(countsByValue);
    if (read.some((reference) => this.changes.has(reference.step))) return 'follows';
    if (read.some((reference) => this.valueOf(reference) === undefined)) return 'changed';
    const resolved = fillInOutputs(step.input, (reference) => this.valueOf(reference) ?? null);
    if (stepDigest(this.standing.digestKey, step.input, resolved) !== applied.digest) return 'changed';
    // Left out, but others need what it would have published.
    if (typeof applied.skipped === 'string' && lacks(step, applied)) return 'again';
    return this.isDue(step.key, applied) ? 'due' : null;
  }

  private isDue(key: string, { appliedAt }: AppliedStep): boolean {
    const { every, now } = this.about;
    const seconds = every?.get(key);
    return seconds !== undefined && now !== undefined && now.getTime() - appliedAt.getTime() >= seconds * 1000;
  }

  private valueOf({ step, name }: OutputReference['$output']): JsonValue | undefined {
    const [, node] = /^node\/(.+):ready$/.exec(step) ?? [];
    if (node !== undefined) return name === 'address' ? this.standing.nodes[node]?.address : undefined;
    return this.standing.steps.get(step)?.outputs[name];
  }

  /** Steps that are not of units and that a running one comes after, at first or second hand. */
  private supporting(): Set<string> {
    const needed = new Set<string>();
    const open = [...this.changes.keys()];
    for (let key = open.pop(); key !== undefined; key = open.pop())
      for (const other of this.byKey.get(key)?.after ?? []) {
        if (isUnitStep(other) || needed.has(other) || !this.byKey.has(other)) continue;
        needed.add(other);
        open.push(other);
      }
    return needed;
  }

  /** Comes after what runs of its predecessors, or else after what those come after; refers to what is stored. */
  private rewritten(step: StepSpec, runs: (key: string) => boolean): StepSpec {
    const input = fillInOutputs(step.input, (reference): JsonObject => {
      const { step: from, name } = reference;
      const applied = runs(from) ? undefined : this.standing.steps.get(from);
      return applied === undefined ? { $output: reference } : storedOutputOf(applied.stepId, from, name);
    });
    return { ...step, input, after: [...new Set(step.after.flatMap((key) => [...this.running(key, runs)]))] };
  }

  private running(key: string, runs: (key: string) => boolean): ReadonlySet<string> {
    const step = this.byKey.get(key);
    // What is not of this plan (that a node is ready) stays.
    if (step === undefined || runs(key)) return new Set([key]);
    const known = this.before.get(key);
    if (known !== undefined) return known;
    const found = new Set(step.after.flatMap((before) => [...this.running(before, runs)]));
    this.before.set(key, found);
    return found;
  }
}
