import type { Command } from 'commander';
import { registerLab } from '../lab/index.js';
import { registerDb } from './db.command.js';
import { registerDoctor } from './doctor.command.js';
import { registerSecrets } from './secrets.command.js';
import { registerServe } from './serve.command.js';

export { startInBackground } from './background.js';

/**
 * The commands that run on this computer rather than through the API. Each loads what it needs when it is called: any other
 * command would wait for half a server to load.
 */
export function registerLocalCommands(program: Command): void {
  registerServe(program);
  registerDb(program);
  registerSecrets(program);
  registerDoctor(program);
  registerLab(program);
}
