import 'reflect-metadata';
import { MIGRATIONS } from '../../migrations/index.js';
import { ENTITIES } from '../../src/entities.js';
import { LeaseBook } from '../../src/networks/index.js';
import { createDataSource } from '../../src/platform/database/index.js';
import { silentLogger } from '../../src/platform/log/index.js';

/** Grants leases without end, many at once, and prints each the moment it may be acknowledged. Ended by SIGKILL. */
const [, , url = '', dir = ''] = process.argv;
const dataSource = await createDataSource({ url, entities: ENTITIES, migrations: MIGRATIONS }).initialize();
const book = await LeaseBook.open({ dataSource, dir, serverId: 'killed', log: silentLogger });
const subnet = book.subnets()[0];
if (subnet === undefined) throw new Error('there is no subnet');

async function grantForEver(worker: number): Promise<void> {
  for (let n = 0; ; n++) {
    const mac = `52:54:${[worker, n >> 16, n >> 8, n].map((part) => (part & 255).toString(16).padStart(2, '0')).join(':')}`;
    const client = { mac, uuid: null, clientId: null, hostname: null };
    const address = await book.offer(subnet!, client, null);
    if (address === null) return;
    const grant = await book.grant(subnet!, client, address);
    if (grant?.lease !== undefined) process.stdout.write(`${mac} ${address}\n`);
  }
}

await Promise.all(Array.from({ length: 50 }, (_, worker) => grantForEver(worker)));
