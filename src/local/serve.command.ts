import type { Command } from 'commander';
import { inheritedEnvironment, loadSettings, type Settings } from '../platform/config/index.js';
import { startInBackground, stopBackground } from './background.js';

interface ServeOptions {
  roles?: string;
  localhost?: boolean;
  background?: boolean;
  stop?: boolean;
}

export function registerServe(program: Command): void {
  program
    .command('serve')
    .summary('run the server')
    .description(
      'Runs the server: API, boot services, workers and scheduler, with its own Postgres and Redis unless given some.',
    )
    .option('--roles <roles>', 'api,boot,worker,scheduler: what this process does (default: all)')
    .option('--localhost', 'let deployments make containers on this computer: who may deploy can then become root here')
    .option('--background', 'apart from this terminal and without the boot role, its log in the data folder (as root)')
    .option('--stop', 'end the server that runs in the background')
    .addHelpText(
      'after',
      `
Examples:
  muster serve                                   everything in one place
  muster serve --background --localhost          for containers on this computer; muster serve --stop ends it
  DATABASE_URL=postgres://… REDIS_URL=redis://… muster serve --roles worker
                                                 one more worker beside others
Settings come from /etc/muster/muster.yaml (or MUSTER_CONFIG) and from the environment: docs/settings.md`,
    )
    .action(async (options: ServeOptions) => {
      if (options.stop === true) {
        process.stdout.write(`the server (process ${await stopBackground()}) has ended\n`);
        return;
      }
      if (options.background === true) {
        const { pid, log } = startInBackground({ localhost: options.localhost === true, roles: options.roles });
        process.stdout.write(`a server starts, process ${pid}; its log: ${log}; muster serve --stop ends it\n`);
        return;
      }
      const roles = options.roles === undefined ? {} : { MUSTER_ROLES: options.roles };
      const localhost = options.localhost === true ? { MUSTER_LOCALHOST_ENABLED: 'true' } : {};
      await serve(loadSettings({ ...inheritedEnvironment(), ...roles, ...localhost }));
    });
}

async function serve(settings: Settings): Promise<void> {
  const [{ createLogger }, { Supervisor }] = await Promise.all([
    import('../platform/log/index.js'),
    import('./supervisor.js'),
  ]);
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
