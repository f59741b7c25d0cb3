import type { EntityManager } from 'typeorm';
import { MusterError } from '../error.js';
import type { JsonObject, Plan } from '../plan/index.js';
import type { RunEntity } from './run.entity.js';

/** What the pipeline asks the owner of a kind of subject. All of it is optional, all of it runs in a transaction. */
export interface SubjectOwner {
  readonly kind: string;
  /** The present version of the state that plans for this subject are compiled from; null: the subject is gone. */
  versionOf?(manager: EntityManager, id: string): Promise<string | null>;
  /** A queued run's turn has come but its plan is stale: compile again. Null: there is nothing to do any more. */
  recompile?(manager: EntityManager, run: RunEntity): Promise<{ plan: Plan; basedOn: string } | null>;
  /** A run has ended, paused or gone on; written together with the run's new status. */
  runChanged?(manager: EntityManager, run: RunEntity): Promise<void>;
  /** A step has succeeded; written together with its new status. */
  stepSucceeded?(manager: EntityManager, step: SucceededStep): Promise<void>;
  /** An attempt has ended, and the step has not succeeded; written together with that. */
  stepStopped?(manager: EntityManager, step: StoppedStep): Promise<void>;
  /** A person has left a step out; written together with its new status. */
  stepSkipped?(manager: EntityManager, step: SkippedStep): Promise<void>;
}

/** A step that a person has left out. */
export interface SkippedStep extends Omit<SucceededStep, 'resolved'> {
  why: string;
  /** Null: not all that it reads was published. */
  resolved: JsonObject | null;
}

/** A step that has failed or was cancelled, and may have done some of its work. */
export type StoppedStep = SucceededStep;

export interface SucceededStep {
  subjectId: string;
  runId: string;
  stepId: string;
  key: string;
  kind: string;
  /** As planned, with its references, and as it was run: that may hold secrets, so it goes nowhere as it is. */
  input: JsonObject;
  resolved: JsonObject;
}

export class SubjectRegistry {
  private readonly byKind = new Map<string, SubjectOwner>();

  constructor(owners: readonly SubjectOwner[] = []) {
    for (const owner of owners) this.register(owner);
  }

  register(owner: SubjectOwner): void {
    if (this.byKind.has(owner.kind)) {
      throw new MusterError('internal', `cannot start: two owners of runs about a ${owner.kind}`);
    }
    this.byKind.set(owner.kind, owner);
  }

  find(kind: string): SubjectOwner | null {
    return this.byKind.get(kind) ?? null;
  }
}
