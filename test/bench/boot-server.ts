import 'reflect-metadata';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { MIGRATIONS } from '../../migrations/index.js';
import { ENTITIES } from '../../src/entities.js';
import { DhcpServer } from '../../src/netboot/dhcp/index.js';
import { TftpServer } from '../../src/netboot/tftp/index.js';
import { LeaseBook } from '../../src/networks/index.js';
import { createDataSource } from '../../src/platform/database/index.js';
import { createLogger } from '../../src/platform/log/index.js';

/** muster's DHCP or TFTP server alone: `boot-server.ts tftp FOLDER`, `boot-server.ts dhcp DATABASE-URL FOLDER`. */
const [, , kind, ...args] = process.argv;
const log = createLogger({ level: 'warn', format: 'json' });
const observer = { seen: () => undefined };
const unlimited = { requestsPerSecondPerSource: 1_000_000, interfaces: [] };

async function serveTftp(folder: string): Promise<void> {
  const find = (name: string) => (existsSync(join(folder, name)) ? { path: join(folder, name) } : null);
  await new TftpServer({ ...unlimited, files: { find }, observer, log, transfersPerSource: 5000 }).start();
}

async function serveDhcp(url: string, dir: string): Promise<void> {
  const dataSource = await createDataSource({ url, entities: ENTITIES, migrations: MIGRATIONS }).initialize();
  const leases = await LeaseBook.open({ dataSource, dir, serverId: 'bench', log });
  const boot = { answerFor: () => ({ kind: 'nothing', reason: 'bench' }) as const };
  await new DhcpServer({ ...unlimited, leases, boot, observer, log }).start();
}

// An exit that a profiler survives; the benches use SIGKILL.
process.once('SIGINT', () => process.exit(0));

await (kind === 'tftp' ? serveTftp(args[0] ?? '') : serveDhcp(args[0] ?? '', args[1] ?? ''));
