import { InvalidArgumentError, Option } from 'commander';
import { accessRole, tokensRoutes, type ContractRole, type Token } from '../api/contract/index.js';
import type { Register } from './context.js';
import { age, parseDuration, table } from './format.js';

/** `muster tokens`: who may use the API. */
export const registerTokens: Register = (program, context) => {
  const tokens = program.command('tokens').summary('who may use the API');

  tokens
    .command('list')
    .summary('show tokens; never their secret part')
    .action(async () => {
      const { items } = await context.api.call(tokensRoutes.list, {});
      context.show(items, () => table(['name', 'role', 'pool', 'state', 'used', 'id'], items.map(rowOf)));
    });

  tokens
    .command('create <name>')
    .summary('make a token and print it, this once')
    .addOption(new Option('--role <role>', 'what it may do').choices(accessRole.options).default('viewer'))
    .option('--pool <pool>', 'only machines of this resource pool')
    .addOption(new Option('--expires <duration>', 'as in 12h, 30d; or "never"').default('90d').argParser(expiry))
    .addHelpText(
      'after',
      `
Examples:
  muster tokens create ci --role operator --expires 30d
  muster tokens create dashboard
  export MUSTER_TOKEN=$(muster tokens create me --role admin --expires 8h)`,
    )
    .action(async (name: string, options: { role: ContractRole; pool?: string; expires: number | null | string }) => {
      const expiresInSeconds = typeof options.expires === 'string' ? expiry(options.expires) : options.expires;
      const body = { name, role: options.role, pool: options.pool ?? null, expiresInSeconds };
      const made = await context.api.call(tokensRoutes.create, { body });
      context.show(made, () => made.text);
    });

  tokens
    .command('revoke <token>')
    .summary('revoke a token (by name or id), for good')
    .action(async (token: string) => {
      const revoked = await context.api.call(tokensRoutes.revoke, { params: { token } });
      context.show(revoked, () => `revoked ${revoked.name}`);
    });

  tokens
    .command('self')
    .summary('what the token in use may do')
    .action(async () => {
      const self = await context.api.call(tokensRoutes.self, {});
      context.show(self, () => `${self.name}: ${self.role}${self.pool === null ? '' : ` of pool ${self.pool}`}`);
    });
};

function expiry(text: string): number | null {
  if (text === 'never') return null;
  const seconds = parseDuration(text);
  if (seconds === null || seconds < 60) throw new InvalidArgumentError('as in 12h, 30d (at least 1m), or "never"');
  return seconds;
}

function rowOf(token: Token) {
  const now = new Date();
  return [token.name, token.role, token.pool ?? 'all', stateOf(token, now), age(token.lastUsedAt, now), token.id];
}

function stateOf(token: Token, now: Date): string {
  if (token.revokedAt !== null) return `revoked ${age(token.revokedAt, now)}`;
  if (token.expiresAt === null) return 'does not expire';
  const left = age(token.expiresAt, now);
  return left.startsWith('in ') ? `expires ${left}` : `expired ${left}`;
}
