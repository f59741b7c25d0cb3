import { secretsRoutes } from '../api/contract/index.js';
import type { Register } from './context.js';

/** `muster secrets rotate`. */
export const registerSecrets: Register = (program, context) => {
  program
    .command('secrets')
    .summary('the keys that seal secrets in the database')
    .command('rotate')
    .summary('make a new key-encryption key and wrap every secret anew')
    .action(async () => {
      const result = await context.api.call(secretsRoutes.rotate, {});
      context.show(result, () => `${result.rewrapped} secrets are wrapped by the new key`);
    });
};
