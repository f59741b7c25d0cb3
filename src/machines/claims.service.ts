import { type DataSource, IsNull } from 'typeorm';
import { MusterError } from '../error.js';
import { type MachineConstraint, misfits, type SeenSubnet } from './constraint.js';
import { MachineChanges } from './machine-changes.js';
import type { MachineState } from './lifecycle.js';
import { Machine } from './machine.entity.js';

export interface ClaimRequest {
  /** `<deployment>/<node>`: asked again with the same one, the same machine is given. */
  claim: string;
  deploymentId: string | null;
  owner: string;
  constraint: MachineConstraint;
}

/** Which states a free machine may be in, best first: the later ones have to be commissioned before they can be used. */
const PREFERENCE: readonly MachineState[] = ['ready', 'new', 'declared'];

/** Who has which machine. A claim is a unique column: of two who want one machine, one gets it. */
export class ClaimsService {
  private readonly changes: MachineChanges;

  constructor(private readonly dataSource: DataSource) {
    this.changes = new MachineChanges(dataSource);
  }

  /**
   * Reserves a machine that fits, without changing its state. One that is not commissioned yet is taken only when no
   * ready one fits, and where nothing known of it speaks against. Throws `conflict`, with why each machine did not fit.
   */
  async claim(request: ClaimRequest): Promise<Machine> {
    const repository = this.dataSource.getRepository(Machine);
    const held = await repository.findOneBy({ claim: request.claim });
    if (held !== null) return held;
    const refusals: { at: string; message: string }[] = [];
    const { constraint } = request;
    const candidates = await this.candidates();
    const subnets = await this.subnetsOf(candidates, constraint);
    for (const machine of candidates) {
      const reasons = whyNot(machine, constraint, subnets.get(machine.id));
      if (reasons.length > 0) refusals.push({ at: machine.name, message: reasons.join('; ') });
      else if (await this.take(machine, request)) return repository.findOneByOrFail({ id: machine.id });
    }
    throw new MusterError('conflict', `cannot find a free machine for ${request.claim}`, {
      details: refusals,
      hint: 'add machines (muster machines declare), accept new ones, or ask for less',
    });
  }

  /** Every machine that a deployment has, by name. */
  heldBy(deploymentId: string): Promise<Machine[]> {
    return this.dataSource.getRepository(Machine).find({ where: { deploymentId }, order: { name: 'asc' } });
  }

  /** The machine that {@link claim} would choose now, besides `taken`; nothing is reserved. Throws as that does. */
  async wouldClaim(claim: string, constraint: MachineConstraint, taken: ReadonlySet<string>): Promise<Machine> {
    const held = await this.dataSource.getRepository(Machine).findOneBy({ claim });
    if (held !== null) return held;
    const details: { at: string; message: string }[] = [];
    const candidates = (await this.candidates()).filter(({ id }) => !taken.has(id));
    const subnets = await this.subnetsOf(candidates, constraint);
    for (const machine of candidates) {
      const reasons = whyNot(machine, constraint, subnets.get(machine.id));
      if (reasons.length === 0) return machine;
      details.push({ at: machine.name, message: reasons.join('; ') });
    }
    throw new MusterError('conflict', 'none that is free fits', { details, hint: 'muster machines lists them' });
  }

  /** Takes a ready machine for good: `ready` to `acquired`, if it is claimed so, or by nobody. */
  async acquire(machine: Machine, request: ClaimRequest): Promise<Machine> {
    if (machine.claim !== null && machine.claim !== request.claim)
      throw new MusterError('conflict', `cannot acquire ${machine.name}: it is taken for ${machine.claim}`);
    const subnets = await this.subnetsOf([machine], request.constraint);
    const reasons = misfits(fitting(machine, subnets.get(machine.id)), request.constraint);
    if (reasons.length > 0) throw new MusterError('conflict', `cannot acquire ${machine.name}: ${reasons.join('; ')}`);
    const { claim, deploymentId, owner } = request;
    return this.changes.transition(machine.id, {
      from: ['ready'],
      to: 'acquired',
      version: machine.version,
      set: { claim, deploymentId, owner },
      message: `acquired for ${claim}`,
      actor: owner,
    });
  }

  /** Gives back a machine on which nothing was written. */
  async unclaim(claim: string, actor: string): Promise<void> {
    const machine = await this.dataSource.getRepository(Machine).findOneBy({ claim });
    if (machine === null) return;
    const set = { claim: null, deploymentId: null, owner: null };
    const message = `given back by ${claim}`;
    if (machine.state === 'acquired')
      await this.changes.transition(machine.id, { from: ['acquired'], to: 'ready', set, message, actor });
    else if (PREFERENCE.includes(machine.state))
      await this.changes.update(machine.id, set, { kind: 'claim', message, actor });
    else
      throw new MusterError('conflict', `cannot give back ${machine.name}: it is ${machine.state}`, {
        hint: 'release it',
      });
  }

  private async candidates(): Promise<Machine[]> {
    const rank = (machine: Machine) => PREFERENCE.indexOf(machine.state);
    const free = await this.dataSource.getRepository(Machine).find({ where: { claim: IsNull() } });
    return free.filter((machine) => rank(machine) >= 0).sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
  }

  /** Where the cards of machines are; asked only where a constraint depends on it. */
  private async subnetsOf(machines: readonly Machine[], { spaces }: MachineConstraint) {
    const found = new Map<string, SeenSubnet[]>();
    if (spaces === undefined) return found;
    const rows = await this.dataSource.query<(SeenSubnet & { machine_id: string })[]>(
      'select machine_id, name, space from machine_subnet where machine_id = any($1::uuid[]) order by name',
      [machines.map(({ id }) => id)],
    );
    for (const { machine_id: id, name, space } of rows) found.set(id, [...(found.get(id) ?? []), { name, space }]);
    return found;
  }

  private async take(machine: Machine, request: ClaimRequest): Promise<boolean> {
    const { claim, deploymentId, owner } = request;
    const { affected } = await this.dataSource.manager.update(
      Machine,
      { id: machine.id, version: machine.version, claim: IsNull() },
      { claim, deploymentId, owner, version: () => 'version + 1' },
    );
    if (affected !== 1) return false;
    await this.changes.event(machine.id, { kind: 'claim', message: `taken for ${claim}`, actor: owner });
    return true;
  }
}

/** A machine as constraints see it. */
export function fitting(machine: Machine, subnets: readonly SeenSubnet[] = []) {
  const { name, architecture, firmware, zone, pool, facts } = machine;
  return { name, architecture, firmware, zone, pool, facts, subnets, tags: [...machine.tags, ...machine.ruleTags] };
}

/** Why a free machine is not taken; one that is not ready is measured first, and what is not known may fit. */
function whyNot(machine: Machine, constraint: MachineConstraint, subnets?: readonly SeenSubnet[]): string[] {
  return [...unusable(machine), ...misfits(fitting(machine, subnets), constraint, machine.state !== 'ready')];
}

function unusable(machine: Machine): string[] {
  const reasons: string[] = [];
  if (machine.failed) reasons.push(`its last operation failed: ${machine.failedReason ?? 'no reason known'}`);
  if (machine.state === 'new' && machine.acceptedAt === null) reasons.push('it is not accepted');
  if (machine.state !== 'ready' && machine.powerDriver === null) reasons.push('nobody can switch it on for us');
  return reasons;
}
