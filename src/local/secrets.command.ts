import type { Command } from 'commander';
import { loadSettings } from '../platform/config/index.js';

interface RotateOptions {
  dryRun?: boolean;
  wait: string;
}

/** `muster secrets`: on a computer of the servers, because the key never travels. */
export function registerSecrets(program: Command): void {
  const secrets = program.command('secrets').summary('look after what is sealed in the database');
  secrets
    .command('rotate')
    .summary('change the key-encryption key; servers go on meanwhile')
    .description(
      `Makes a new key-encryption key, wraps every sealed value again and takes the old key out of the key file. It may be
ended at any instant: what is sealed can be read at every moment, and the next call goes on.`,
    )
    .option('--dry-run', 'say how many values are sealed, and change nothing')
    .option('--wait <seconds>', 'how long running processes may take to load the new key', '60')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExamples:\n  muster secrets rotate --dry-run\n  sudo muster secrets rotate')
    .action(async ({ dryRun, wait }: RotateOptions, command: Command) => {
      const json = command.optsWithGlobals<{ json?: boolean }>().json === true;
      const { rotateOrLook } = await import('./secrets/rotate-or-look.js');
      await rotateOrLook(loadSettings(), { dryRun: dryRun === true, wait, json });
    });
}
