import type { Command } from 'commander';
import { inheritedEnvironment, loadSettings, type Settings } from '../platform/config/index.js';
import { createLogger } from '../platform/log/index.js';
import { Supervisor } from './supervisor.js';

export function registerServe(program: Command): void {
  program
    .command('serve')
    .summary('run the server')
    .description(
      'Runs the server: API, boot services, workers and scheduler, with its own Postgres and Redis unless given some.',
    )
    .option('--roles <roles>', 'api,boot,worker,scheduler: what this process does (default: all)')
    .addHelpText(
      'after',
      `
Examples:
  muster serve                                   everything in one place
  DATABASE_URL=postgres://… REDIS_URL=redis://… muster serve --roles worker
                                                 one more worker beside others
Settings come from /etc/muster/muster.yaml (or MUSTER_CONFIG) and from the environment: docs/settings.md`,
    )
    .action(async (options: { roles?: string }) => {
      const roles = options.roles === undefined ? {} : { MUSTER_ROLES: options.roles };
      await serve(loadSettings({ ...inheritedEnvironment(), ...roles }));
    });
}

async function serve(settings: Settings): Promise<void> {
  const log = createLogger({ ...settings.log, name: 'supervisor' });
  const supervisor = new Supervisor(settings, log);
  const stop = () => {
    log.info('stopping');
    void supervisor.stop().then(() => process.exit(0));
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    await supervisor.start();
  } catch (error) {
    await supervisor.stop();
    throw error;
  }
  log.info({ roles: settings.roles, dataDir: settings.dataDir }, 'muster is ready');
}
