import { Controller, Inject, Param } from '@nestjs/common';
import type { Principal } from '../../access/index.js';
import { MusterError } from '../../error.js';
import { ImagesService } from '../../images/index.js';
import type { Machine as StoredMachine } from '../../machines/index.js';
import { OperationsService, type Operation, type PlannedOperation } from '../../operations/index.js';
import { RunsService } from '../../pipeline/index.js';
import { machinesRoutes, type BodyOf, type Machine, type Run } from '../contract/index.js';
import { AuditNote, Endpoint, GivenBody, Who } from '../endpoint.js';
import { MachineDirectory } from '../machine-directory.js';
import { machineForAudit } from '../views/machine-view.js';
import { runView } from '../views/run-view.js';

interface Started {
  run: Run;
}

/** What is done to a machine: each is a run of the pipeline. */
@Controller()
export class MachineOperationsController {
  constructor(
    @Inject(OperationsService) private readonly operations: OperationsService,
    @Inject(MachineDirectory) private readonly directory: MachineDirectory,
    @Inject(ImagesService) private readonly images: ImagesService,
    @Inject(RunsService) private readonly runs: RunsService,
  ) {}

  @Endpoint(machinesRoutes.commission)
  commission(
    @Param('machine') reference: string,
    @GivenBody() body: BodyOf<typeof machinesRoutes.commission>,
    @Who() who: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<Started> {
    return this.start(reference, who, note, () => ({ kind: 'commission', tests: body.tests }));
  }

  @Endpoint(machinesRoutes.deploy)
  deploy(
    @Param('machine') reference: string,
    @GivenBody() body: BodyOf<typeof machinesRoutes.deploy>,
    @Who() who: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<Started> {
    return this.start(reference, who, note, async (machine) => ({
      kind: 'deploy',
      wishes: {
        ...(await this.imageFor(machine, body.image)),
        target: body.toRam ? 'ram' : 'disk',
        layout: body.layout,
        hostname: machine.hostname ?? machine.name,
        authorizedKeys: body.sshKeys,
        disk: body.disk ?? null,
        kernelArguments: [],
        userData: body.userData ?? null,
      },
    }));
  }

  @Endpoint(machinesRoutes.release)
  release(
    @Param('machine') reference: string,
    @GivenBody() body: BodyOf<typeof machinesRoutes.release>,
    @Who() who: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<Started> {
    return this.start(reference, who, note, () => ({ kind: 'release', erase: body.erase }));
  }

  @Endpoint(machinesRoutes.rescue)
  rescue(
    @Param('machine') reference: string,
    @GivenBody() body: BodyOf<typeof machinesRoutes.rescue>,
    @Who() who: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<Started> {
    return this.start(reference, who, note, () => ({ kind: 'rescue', authorizedKeys: body.sshKeys }));
  }

  @Endpoint(machinesRoutes.exitRescue)
  exitRescue(
    @Param('machine') reference: string,
    @Who() who: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<Started> {
    return this.start(reference, who, note, () => ({ kind: 'exit-rescue' }));
  }

  @Endpoint(machinesRoutes.test)
  test(
    @Param('machine') reference: string,
    @GivenBody() body: BodyOf<typeof machinesRoutes.test>,
    @Who() who: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<Started> {
    return this.start(reference, who, note, () => ({ kind: 'test', tests: body.tests }));
  }

  @Endpoint(machinesRoutes.abort)
  async abort(
    @Param('machine') reference: string,
    @Who() who: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<Machine> {
    const machine = await this.directory.get(reference, who);
    noteBefore(note, machine);
    const aborted = await note.change(async (manager) => {
      const done = await this.operations.abort(manager, machine.id, who.name);
      note.after = machineForAudit(done.machine);
      return done;
    });
    if (aborted.run !== null) await this.runs.nudge(aborted.run);
    return this.directory.view(aborted.machine);
  }

  @Endpoint(machinesRoutes.retry)
  async retry(
    @Param('machine') reference: string,
    @Who() who: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<Started> {
    const machine = await this.directory.get(reference, who);
    noteBefore(note, machine);
    const [last] = await this.runs.list({ subject: { kind: 'machine', id: machine.id }, limit: 1 });
    if (last === undefined) {
      throw new MusterError('conflict', `cannot retry: nothing was done to ${machine.name} yet`, {
        hint: `muster machines commission ${machine.name}`,
      });
    }
    await note.change((manager) => this.runs.retry(last.id, { manager }));
    await this.runs.nudge(last.id);
    return { run: runView(await this.runs.get(last.id), machine.name) };
  }

  @Endpoint(machinesRoutes.markFixed)
  async markFixed(
    @Param('machine') reference: string,
    @Who() who: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<Started> {
    const machine = await this.directory.get(reference, who);
    noteBefore(note, machine);
    return this.submit(await this.operations.planMarkFixed(machine.id, who.name), note, {});
  }

  private async start(
    reference: string,
    who: Principal,
    note: AuditNote,
    operationFor: (machine: StoredMachine) => Operation | Promise<Operation>,
  ): Promise<Started> {
    const machine = await this.directory.get(reference, who);
    noteBefore(note, machine);
    const operation = await operationFor(machine);
    return this.submit(await this.operations.plan(machine.id, operation, who.name), note, { operation });
  }

  private async submit(planned: PlannedOperation, note: AuditNote, asked: object): Promise<Started> {
    const { id } = await note.change(async (manager) => {
      const run = await this.operations.submit(manager, planned);
      note.after = { ...asked, run: run.id };
      return run;
    });
    await this.runs.nudge(id);
    return { run: runView(await this.runs.get(id), planned.machine.name) };
  }

  /** The image of this name, or the newest that fits. Throws where the store has none. */
  private async imageFor(machine: StoredMachine, name: string | undefined): Promise<{ os: string; release: string }> {
    const [os, release] = name?.split('@') ?? [];
    const image = await this.images.getSelected({ os, release, architecture: machine.architecture ?? 'amd64' });
    return { os: image.os, release: image.release };
  }
}

function noteBefore(note: AuditNote, machine: StoredMachine): void {
  note.subject = `machines/${machine.name}`;
  note.before = machineForAudit(machine);
}
