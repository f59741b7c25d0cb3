import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { DeploymentsService, type Deployment } from '../deployments/index.js';
import { RunsService } from '../pipeline/index.js';
import type { Run } from './contract/index.js';
import type { AuditNote } from './endpoint.js';
import { runView } from './views/run-view.js';

/** Begins runs about deployments: run and audit entry are one transaction. */
@Injectable()
export class DeploymentRuns {
  constructor(
    @Inject(DeploymentsService) private readonly deployments: DeploymentsService,
    @Inject(RunsService) private readonly runs: RunsService,
  ) {}

  /** `prepare` reads what it needs before the transaction begins, and gives what is done in it. */
  async begin(
    reference: string,
    note: AuditNote,
    prepare: (deployment: Deployment) => Promise<(manager: EntityManager) => Promise<{ id: string }>>,
  ): Promise<{ run: Run }> {
    const deployment = await this.deployments.get(reference);
    const { name } = deployment;
    note.subject = `deployments/${name}`;
    const submit = await prepare(deployment);
    const id = await note.change(async (manager) => {
      const run = await submit(manager);
      note.after = { ...(note.after as object | undefined), run: run.id };
      return run.id;
    });
    await this.runs.nudge(id);
    return { run: runView(await this.runs.get(id), name) };
  }
}
