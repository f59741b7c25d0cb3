import 'reflect-metadata';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { MIGRATIONS } from '../../migrations/index.js';
import { ENTITIES } from '../../src/entities.js';
import { ContentStore } from '../../src/images/index.js';
import { BootHttpService } from '../../src/netboot/boot-http.service.js';
import { DhcpServer } from '../../src/netboot/dhcp/index.js';
import { imageRoute } from '../../src/netboot/http/boot-routes.js';
import { TftpServer } from '../../src/netboot/tftp/index.js';
import { LeaseBook } from '../../src/networks/index.js';
import { systemClock } from '../../src/platform/clock.js';
import { createDataSource } from '../../src/platform/database/index.js';
import { createLogger } from '../../src/platform/log/index.js';
import { CertificateAuthority } from '../../src/platform/tls/index.js';

/**
 * One of muster's boot servers alone: `boot-server.ts tftp FOLDER`, `dhcp DATABASE-URL FOLDER`, or `http STORE [PREFIX]`,
 * the image route over an image store, with the hand-off to an nginx that knows the store by PREFIX.
 */
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

async function serveHttp(dir: string, handOffPrefix?: string): Promise<void> {
  const store = new ContentStore(dir, handOffPrefix);
  const content = { image: (sha256: string) => store.find(sha256) };
  const authority = await CertificateAuthority.open(join(dir, 'tls'));
  const options = { httpPort: 7480, agentPort: 7481, requestsPerSecondPerSource: unlimited.requestsPerSecondPerSource };
  const plain = [imageRoute({ content, observer, clock: systemClock })];
  await new BootHttpService(options, { plain, tls: [] }, authority, systemClock, log).start();
}

// An exit that a profiler survives; the benches use SIGKILL.
process.once('SIGINT', () => process.exit(0));

const servers: Record<string, () => Promise<void>> = {
  tftp: () => serveTftp(args[0] ?? ''),
  dhcp: () => serveDhcp(args[0] ?? '', args[1] ?? ''),
  http: () => serveHttp(args[0] ?? '', args[1]),
};
await servers[kind ?? '']?.();
