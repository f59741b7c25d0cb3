import type { EntityManager } from 'typeorm';
import type { SubjectOwner } from '../pipeline/index.js';
import { Deployment } from './deployment.entity.js';

/** Tells the pipeline which version of a deployment a plan has to be compiled from. */
export class DeploymentOwner implements SubjectOwner {
  readonly kind = 'deployment';

  async versionOf(manager: EntityManager, id: string): Promise<string | null> {
    const deployment = await manager.findOneBy(Deployment, { id });
    return deployment === null ? null : String(deployment.version);
  }
}
