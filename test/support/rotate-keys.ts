import 'reflect-metadata';
import { rotateKeys } from '../../src/local/secrets/rotate-keys.js';
import { systemClock } from '../../src/platform/clock.js';
import { createDataSource } from '../../src/platform/database/index.js';
import { KeyFile } from '../../src/platform/secrets/index.js';

/** What `muster secrets rotate` does, without the rest of the command line, and killed where it says what fits `killAt`. */
const [, , url = '', keyFile = '', killAt = ''] = process.argv;
const dataSource = await createDataSource({ url, entities: [], migrations: [], poolSize: 3 }).initialize();
// By itself: whoever reads what it says may read it when all is over.
const tell = (text: string) => {
  if (new RegExp(killAt).test(text)) process.kill(process.pid, 'SIGKILL');
};
await rotateKeys({ dataSource, keyFile: new KeyFile(keyFile), clock: systemClock, waitMs: 30_000, tell });
await dataSource.destroy();
