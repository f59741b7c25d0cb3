import { Inject, Injectable } from '@nestjs/common';
import { MachinesService } from '../machines/index.js';

interface Subject {
  kind: string;
  id: string;
}

/** What people call the subjects of runs. */
@Injectable()
export class SubjectNames {
  constructor(@Inject(MachinesService) private readonly machines: MachinesService) {}

  /** The machine or deployment of this name or id; null where there is none. */
  async find(reference: string): Promise<Subject | null> {
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
    return null;
  }
}
