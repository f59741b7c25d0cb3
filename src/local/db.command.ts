import type { Command } from 'commander';
import { MusterError } from '../error.js';
import { loadSettings } from '../platform/config/index.js';

export function registerDb(program: Command): void {
  const db = program.command('db').summary('look after the database given by DATABASE_URL');
  db.command('migrate')
    .summary('bring the schema up to this version of muster')
    .action(async () => {
      const url = givenDatabase();
      const { migrate, readSchemaState, withDataSource } = await import('./migrate.js');
      const before = await withDataSource(url, readSchemaState);
      await migrate(url);
      print(before.pending.length === 0 ? 'nothing to do' : before.pending.map((name) => `applied ${name}`).join('\n'));
    });
  db.command('check')
    .summary('say whether the schema fits this version of muster; exit code 1 where it does not')
    .action(async () => {
      const { readSchemaState, refuseNewerSchema, withDataSource } = await import('./migrate.js');
      const state = await withDataSource(givenDatabase(), readSchemaState);
      refuseNewerSchema(state);
      print(`${state.applied.length} migrations applied, ${state.pending.length} pending`);
      if (state.pending.length > 0) {
        throw new MusterError('conflict', `the database lacks ${state.pending.join(', ')}`, {
          hint: 'muster db migrate',
        });
      }
    });
}

function givenDatabase(): string {
  const { databaseUrl } = loadSettings();
  if (databaseUrl !== undefined) return databaseUrl;
  throw new MusterError('invalid', 'cannot tell which database: DATABASE_URL is not set', {
    hint: 'the embedded database is migrated by `muster serve` itself',
  });
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
