import { Controller, Inject, Param } from '@nestjs/common';
import type { Principal } from '../../access/index.js';
import { MusterError } from '../../error.js';
import { MachineRules, type AcceptRule } from '../../machines/index.js';
import { acceptRulesRoutes, type BodyOf, type ResponseOf } from '../contract/index.js';
import { AuditNote, Endpoint, GivenBody, Who } from '../endpoint.js';

@Controller()
export class AcceptRulesController {
  constructor(@Inject(MachineRules) private readonly rules: MachineRules) {}

  @Endpoint(acceptRulesRoutes.list)
  async list(): Promise<ResponseOf<typeof acceptRulesRoutes.list>> {
    return { items: (await this.rules.acceptRules()).map(ruleView) };
  }

  @Endpoint(acceptRulesRoutes.create)
  async create(
    @GivenBody() body: BodyOf<typeof acceptRulesRoutes.create>,
    @Who() who: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<ResponseOf<typeof acceptRulesRoutes.create>> {
    const { name, condition } = body;
    const before = await this.find(name);
    note.subject = `accept-rules/${body.name}`;
    note.before = before === null ? null : ruleView(before);
    await note.change((manager) => this.rules.storeAcceptRule(manager, { name, condition, createdBy: who.name }));
    await this.rules.applyToAll();
    const made = await this.find(body.name);
    if (made === null) throw new MusterError('conflict', `cannot show rule ${body.name}: it was removed just now`);
    return ruleView(made);
  }

  @Endpoint(acceptRulesRoutes.delete)
  async delete(@Param('rule') reference: string, @AuditNote() note: AuditNote): Promise<void> {
    const rule = await this.find(reference);
    if (rule === null) throw new MusterError('not-found', `cannot find an accept rule named ${reference}`);
    note.before = ruleView(rule);
    await note.change((manager) => this.rules.removeAcceptRule(rule.name, manager));
  }

  private async find(reference: string): Promise<AcceptRule | null> {
    const rules = await this.rules.acceptRules();
    return rules.find((rule) => rule.name === reference || rule.id === reference) ?? null;
  }
}

function ruleView(rule: AcceptRule) {
  const { id, name, condition, createdBy } = rule;
  return { id, name, condition, createdBy, createdAt: rule.createdAt.toISOString() };
}
