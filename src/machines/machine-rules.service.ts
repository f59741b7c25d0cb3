import { type DataSource, type EntityManager, In } from 'typeorm';
import { MusterError } from '../error.js';
import type { EnlistmentService } from './enlistment.service.js';
import { parseCondition } from './machine-condition.js';
import { AcceptRule, TagRule } from './machine-rule.entity.js';
import { Machine } from './machine.entity.js';

/** Rules that accept machines and tag them. A new rule is then applied to the machines that are there. */
export class MachineRules {
  constructor(
    private readonly dataSource: DataSource,
    private readonly enlistment: EnlistmentService,
  ) {}

  acceptRules(manager = this.dataSource.manager): Promise<AcceptRule[]> {
    return manager.find(AcceptRule, { order: { name: 'ASC' } });
  }

  tagRules(): Promise<TagRule[]> {
    return this.dataSource.getRepository(TagRule).find({ order: { tag: 'ASC' } });
  }

  /** Adds the rule, or gives the one of this name another condition; with {@link applyToAll} after. */
  async setAcceptRule(name: string, condition: string, createdBy: string): Promise<void> {
    await this.storeAcceptRule(this.dataSource.manager, { name, condition, createdBy });
    await this.applyToAll();
  }

  /** In the manager's transaction; the caller applies it once that is committed. */
  async storeAcceptRule(
    manager: EntityManager,
    rule: { name: string; condition: string; createdBy: string },
  ): Promise<void> {
    parseCondition(rule.condition);
    await manager.upsert(AcceptRule, rule, ['name']);
  }

  async setTagRule(tag: string, condition: string, createdBy: string): Promise<void> {
    parseCondition(condition);
    await this.dataSource.manager.upsert(TagRule, { tag, condition, createdBy }, ['tag']);
    await this.applyToAll();
  }

  /** Machines that it accepted stay accepted. */
  async removeAcceptRule(name: string, manager = this.dataSource.manager): Promise<void> {
    const { affected } = await manager.delete(AcceptRule, { name });
    if (affected !== 1) throw new MusterError('not-found', `cannot find an accept rule named ${name}`);
  }

  async removeTagRule(tag: string): Promise<void> {
    const { affected } = await this.dataSource.manager.delete(TagRule, { tag });
    if (affected !== 1) throw new MusterError('not-found', `cannot find a tag rule for ${tag}`);
    await this.applyToAll();
  }

  /** Every machine that was seen is judged by the rules as they are. */
  async applyToAll(): Promise<void> {
    // A declared machine is not accepted before it was seen: who knows what answers at that address.
    const seen = In(['new', 'commissioning', 'ready', 'acquired', 'deploying', 'deployed', 'broken']);
    const machines = await this.dataSource.manager.find(Machine, { select: { id: true }, where: { state: seen } });
    for (const { id } of machines) await this.enlistment.applyRules(id);
  }
}
