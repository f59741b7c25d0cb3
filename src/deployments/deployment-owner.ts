import type { EntityManager } from 'typeorm';
import type { RunEntity, SkippedStep, StoppedStep, SubjectOwner, SucceededStep } from '../pipeline/index.js';
import type { Clock } from '../platform/clock.js';
import { DeploymentVersion } from './deployment-version.entity.js';
import { Deployment } from './deployment.entity.js';
import type { StandingState } from './standing.js';

/** Tells the pipeline which version of a deployment a plan has to be compiled from, and hears what has been laid down. */
export class DeploymentOwner implements SubjectOwner {
  readonly kind = 'deployment';

  constructor(
    private readonly state: StandingState,
    private readonly clock: Clock,
  ) {}

  async versionOf(manager: EntityManager, id: string): Promise<string | null> {
    const deployment = await manager.findOneBy(Deployment, { id });
    return deployment === null ? null : String(deployment.version);
  }

  async runChanged(manager: EntityManager, run: RunEntity): Promise<void> {
    await this.state.runChanged(manager, run);
    const { version } = run.context;
    if (run.status !== 'succeeded' || typeof version !== 'number') return;
    await manager.update(DeploymentVersion, { deploymentId: run.subjectId, version }, { settledAt: this.clock.now() });
  }

  stepStopped(manager: EntityManager, step: StoppedStep): Promise<void> {
    return this.state.recordBegun(manager, this.clock.now(), step);
  }

  stepSkipped(manager: EntityManager, step: SkippedStep): Promise<void> {
    return this.state.recordSkipped(manager, this.clock.now(), step);
  }

  stepSucceeded(manager: EntityManager, step: SucceededStep): Promise<void> {
    return this.state.record(manager, this.clock.now(), step);
  }
}
