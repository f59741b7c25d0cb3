import { Controller, Inject, Param } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { Principal } from '../../access/index.js';
import { BootSessions, MachinesService, type Machine as StoredMachine } from '../../machines/index.js';
import { RunsService } from '../../pipeline/index.js';
import { PowerDriverRegistry, PowerService } from '../../power/index.js';
import { refuseOutsidePool } from '../access.guard.js';
import {
  machinesRoutes,
  type BodyOf,
  type BootSession,
  type Machine,
  type MachineDetail,
  type QueryOf,
  type ResponseOf,
} from '../contract/index.js';
import { AuditNote, Endpoint, GivenBody, GivenQuery, Who } from '../endpoint.js';
import { MachineDirectory } from '../machine-directory.js';
import { pageOfSorted } from '../pagination.js';
import { bootSessionView, machineEventView, machineForAudit } from '../views/machine-view.js';

/** A session with nothing new for this long has stopped. */
const STALL_MS = 90_000;

@Controller()
export class MachinesController {
  constructor(
    @Inject(MachinesService) private readonly machines: MachinesService,
    @Inject(MachineDirectory) private readonly directory: MachineDirectory,
    @Inject(BootSessions) private readonly sessions: BootSessions,
    @Inject(PowerService) private readonly power: PowerService,
    @Inject(PowerDriverRegistry) private readonly drivers: PowerDriverRegistry,
    @Inject(RunsService) private readonly runs: RunsService,
  ) {}

  @Endpoint(machinesRoutes.list)
  async list(
    @GivenQuery() query: QueryOf<typeof machinesRoutes.list>,
    @Who() who: Principal,
  ): Promise<ResponseOf<typeof machinesRoutes.list>> {
    const { state, zone, pool } = query;
    const all = await this.machines.list({ state, zone, pool: who.pool ?? pool });
    const fitting = all.filter(
      (machine) =>
        (who.pool === null || pool === undefined || pool === who.pool) &&
        (query.failed === undefined || machine.failed === query.failed) &&
        (query.tag === undefined || [...machine.tags, ...machine.ruleTags].includes(query.tag)),
    );
    const page = pageOfSorted(fitting, (machine) => machine.name, query);
    return { items: await this.directory.views(page.items), next: page.next };
  }

  @Endpoint(machinesRoutes.show)
  async show(@Param('machine') reference: string, @Who() who: Principal): Promise<MachineDetail> {
    return this.directory.detail(await this.directory.get(reference, who));
  }

  @Endpoint(machinesRoutes.declare)
  async declare(
    @GivenBody() body: BodyOf<typeof machinesRoutes.declare>,
    @Who() who: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<Machine> {
    refuseOutsidePool(who, body.pool ?? who.pool ?? 'default', `pool ${body.pool ?? 'default'}`);
    note.subject = `machines/${body.name}`;
    const power = this.powerRecord(body.power);
    const pool = body.pool ?? who.pool ?? undefined;
    const machine = await note.change(async (manager) => {
      const declared = await this.machines.declare({ ...body, pool, power }, who.name, manager);
      note.after = machineForAudit(declared);
      return declared;
    });
    return this.directory.view(machine);
  }

  @Endpoint(machinesRoutes.update)
  async update(
    @Param('machine') reference: string,
    @GivenBody() body: BodyOf<typeof machinesRoutes.update>,
    @Who() who: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<Machine> {
    const before = await this.directory.get(reference, who);
    if (body.pool !== undefined) refuseOutsidePool(who, body.pool, `pool ${body.pool}`);
    return this.noted(note, before, async (manager) => {
      const { id } = before;
      if (body.power !== undefined) await this.machines.setPower(id, this.powerRecord(body.power), who.name, manager);
      const description = descriptionOf(before, body);
      if (Object.keys(description).length > 0) await this.machines.describe(id, description, who.name, manager);
    });
  }

  @Endpoint(machinesRoutes.delete)
  async delete(
    @Param('machine') reference: string,
    @Who() who: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<void> {
    const machine = await this.directory.get(reference, who);
    note.before = machineForAudit(machine);
    await note.change((manager) => this.machines.remove(machine.id, who.name, manager));
  }

  @Endpoint(machinesRoutes.accept)
  async accept(
    @Param('machine') reference: string,
    @Who() who: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<Machine> {
    const machine = await this.directory.get(reference, who);
    return this.noted(note, machine, (manager) => this.machines.accept(machine.id, who.name, manager));
  }

  @Endpoint(machinesRoutes.markBroken)
  async markBroken(
    @Param('machine') reference: string,
    @GivenBody() body: BodyOf<typeof machinesRoutes.markBroken>,
    @Who() who: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<Machine> {
    const machine = await this.directory.get(reference, who);
    const open = await this.runs.list({ subject: { kind: 'machine', id: machine.id }, open: true });
    const going = open.filter((run) => !run.cancelling);
    const view = await this.noted(note, machine, async (manager) => {
      const reason = `${machine.name} was marked broken by ${who.name}`;
      for (const run of going) await this.runs.cancel(run.id, reason, { manager });
      await this.machines.markBroken(machine, body.why, who.name, manager);
    });
    for (const run of going) await this.runs.nudge(run.id);
    return view;
  }

  @Endpoint(machinesRoutes.power)
  async switch(
    @Param('machine') reference: string,
    @GivenBody() body: BodyOf<typeof machinesRoutes.power>,
    @Who() who: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<ResponseOf<typeof machinesRoutes.power>> {
    const { id, name } = await this.directory.get(reference, who);
    note.subject = `machines/${name}`;
    await note.announce();
    await this.power[body.action](id);
    return { state: await this.power.status(id) };
  }

  @Endpoint(machinesRoutes.powerStatus)
  async powerStatus(
    @Param('machine') reference: string,
    @Who() who: Principal,
  ): Promise<ResponseOf<typeof machinesRoutes.powerStatus>> {
    const { id } = await this.directory.get(reference, who);
    return { state: await this.power.status(id) };
  }

  @Endpoint(machinesRoutes.bootSessions)
  async bootSessions(
    @Param('machine') reference: string,
    @GivenQuery() query: QueryOf<typeof machinesRoutes.bootSessions>,
    @Who() who: Principal,
  ): Promise<{ items: BootSession[] }> {
    const { id } = await this.directory.get(reference, who);
    const sessions = await this.sessions.list(id, query.limit);
    const items = sessions.map(async (session) => {
      const events = await this.sessions.events(session.id);
      const isSilent = Date.now() - session.lastAt.getTime() > STALL_MS;
      const isUp = ['cloud-init', 'ssh'].includes(session.stage);
      const reason = isSilent && !isUp ? await this.sessions.whyStalled(id, session.startedAt) : null;
      return bootSessionView(session, events, reason);
    });
    return { items: await Promise.all(items) };
  }

  @Endpoint(machinesRoutes.events)
  async events(
    @Param('machine') reference: string,
    @GivenQuery() query: QueryOf<typeof machinesRoutes.events>,
    @Who() who: Principal,
  ): Promise<ResponseOf<typeof machinesRoutes.events>> {
    const { id } = await this.directory.get(reference, who);
    const events = await this.machines.events(id, query.after, query.limit);
    return { items: events.map(machineEventView) };
  }

  private async noted(
    note: AuditNote,
    before: StoredMachine,
    work: (manager: EntityManager) => Promise<unknown>,
  ): Promise<Machine> {
    note.subject = `machines/${before.name}`;
    note.before = machineForAudit(before);
    const after = await note.change(async (manager) => {
      await work(manager);
      const changed = await this.machines.get(before.id, manager);
      note.after = machineForAudit(changed);
      return changed;
    });
    return this.directory.view(after);
  }

  private powerRecord(given: { driver: string; parameters: Record<string, string> }) {
    this.drivers.validate(given.driver, given.parameters);
    const { open, secret } = this.drivers.splitSecrets(given.driver, given.parameters);
    return { driver: given.driver, parameters: open, secrets: secret };
  }
}

function descriptionOf(machine: StoredMachine, body: BodyOf<typeof machinesRoutes.update>) {
  const { pool, zone, note: notes, menu, addTags = [], removeTags = [] } = body;
  const tags = [...new Set([...machine.tags, ...addTags])].filter((tag) => !removeTags.includes(tag)).sort();
  const given = { pool, zone, notes, menu, tags: addTags.length + removeTags.length > 0 ? tags : undefined };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}
