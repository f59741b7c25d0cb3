import { acceptRulesRoutes } from '../api/contract/index.js';
import type { Register } from './context.js';
import { age, table } from './format.js';

/** `muster accept-rules`: which machines are accepted without asking. */
export const registerAcceptRules: Register = (program, context) => {
  const rules = program.command('accept-rules').summary('which machines are accepted without asking');
  rules
    .command('list', { isDefault: true })
    .summary('show rules')
    .action(async () => {
      const { items } = await context.api.call(acceptRulesRoutes.list, {});
      const now = new Date();
      const rows = items.map((rule) => [rule.name, rule.condition, rule.createdBy, age(rule.createdAt, now), rule.id]);
      context.show(items, () => table(['rule', 'condition', 'who', 'since', 'id'], rows));
    });
  rules
    .command('create <name> <condition>')
    .summary('accept machines that fit')
    .addHelpText('after', '\nExample:\n  muster accept-rules create lab any')
    .action(async (name: string, condition: string) => {
      const rule = await context.api.call(acceptRulesRoutes.create, { body: { name, condition } });
      context.show(rule, () => `${rule.name}: ${rule.condition}`);
    });
  rules
    .command('delete <rule>')
    .summary('remove a rule (by name or id); machines accepted by it stay accepted')
    .action(async (rule: string) => {
      await context.api.call(acceptRulesRoutes.delete, { params: { rule } });
      context.show({ deleted: rule }, () => `${rule} is removed`);
    });
};
