import { Inject, Injectable } from '@nestjs/common';
import { DeploymentsService, type Deployment } from '../deployments/index.js';
import { MusterError } from '../error.js';
import { MachinesService } from '../machines/index.js';

interface Subject {
  kind: string;
  id: string;
}

/** What people call the subjects of runs. */
@Injectable()
export class SubjectNames {
  constructor(
    @Inject(MachinesService) private readonly machines: MachinesService,
    @Inject(DeploymentsService) private readonly deployments: DeploymentsService,
  ) {}

  /** The deployment or machine of this name or id; null where there is none. */
  async find(reference: string): Promise<Subject | null> {
    const deployment = await this.findDeployment(reference);
    if (deployment !== null) return { kind: 'deployment', id: deployment.id };
    const machine = await this.machines.find(reference);
    return machine === null ? null : { kind: 'machine', id: machine.id };
  }

  /** The names of these subjects, asked once each; null for what is gone. */
  async namesOf(subjects: readonly Subject[]): Promise<Map<string, string | null>> {
    const names = new Map<string, string | null>();
    for (const subject of subjects) {
      if (!names.has(subject.id)) names.set(subject.id, await this.nameOf(subject));
    }
    return names;
  }

  async nameOf(subject: Subject): Promise<string | null> {
    if (subject.kind === 'machine') return (await this.machines.find(subject.id))?.name ?? null;
    if (subject.kind === 'deployment') return (await this.findDeployment(subject.id))?.name ?? null;
    return subject.id;
  }

  private async findDeployment(reference: string): Promise<Deployment | null> {
    try {
      return await this.deployments.get(reference);
    } catch (error) {
      if (error instanceof MusterError && error.kind === 'not-found') return null;
      throw error;
    }
  }
}
