import { auditRoutes } from '../api/contract/index.js';
import type { Register } from './context.js';
import { EXIT } from './exit-code.js';
import { table } from './format.js';
import { wholeNumber } from './options.js';

/** `muster audit`: every change that was made or refused. */
export const registerAudit: Register = (program, context) => {
  const audit = program.command('audit').summary('every change: who, what, when, from where');

  audit
    .command('list', { isDefault: true })
    .summary('show changes, newest first')
    .option('-n, --limit <count>', 'how many', wholeNumber, 50)
    .action(async (options: { limit: number }) => {
      const { items } = await context.api.call(auditRoutes.list, { query: { limit: options.limit } });
      const rows = items.map((entry) => [
        entry.sequence,
        entry.at,
        entry.actor,
        entry.action,
        entry.subject,
        entry.outcome,
        entry.source,
      ]);
      context.show(items, () => table(['nr', 'time', 'who', 'what', 'of', 'outcome', 'from'], rows));
    });

  audit
    .command('verify')
    .summary('check that nothing was changed in the record; exit code 1 where something was')
    .action(async () => {
      const result = await context.api.call(auditRoutes.verify, {});
      if (result.brokenAt !== null) context.exitCode = EXIT.failed;
      context.show(result, () =>
        result.brokenAt === null
          ? `${result.entries} entries, all unbroken; the newest has the hash ${result.head}`
          : `entry ${result.brokenAt} was changed, removed or put in`,
      );
    });
};
