import 'reflect-metadata';
import { rotateKeys } from '../../src/local/secrets/rotate-keys.js';
import { systemClock } from '../../src/platform/clock.js';
import { createDataSource } from '../../src/platform/database/index.js';
import { KeyFile } from '../../src/platform/secrets/index.js';

/** What `muster secrets rotate` does, without loading the rest of the command line. Made to be killed. */
const [, , url = '', keyFile = ''] = process.argv;
const dataSource = await createDataSource({ url, entities: [], migrations: [], poolSize: 3 }).initialize();
const tell = (text: string) => process.stderr.write(`${text}\n`);
await rotateKeys({ dataSource, keyFile: new KeyFile(keyFile), clock: systemClock, waitMs: 30_000, tell });
await dataSource.destroy();
