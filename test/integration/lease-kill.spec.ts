import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LeaseBook, LeaseService, SubnetService } from '../../src/networks/index.js';
import { silentLogger } from '../../src/platform/log/index.js';
import { formatAddress } from '../../src/protocol/ipv4/index.js';
import { Datastores } from '../support/datastores.js';

let stores: Datastores;
let url: string;
let dataSource: DataSource;
beforeAll(async () => {
  stores = await Datastores.start();
  ({ url, dataSource } = await stores.createDatabase());
  const range = { cidr: '10.0.0.0/16', dynamicRanges: ['10.0.0.10-10.0.255.250'] };
  await new SubnetService(dataSource).create({ name: 'lab', mode: 'serve', ...range });
});
afterAll(async () => {
  await dataSource.destroy();
  await stores.stop();
});

/** Runs the writer until it is killed after so many acknowledged leases; gives them by MAC. */
async function killAfter(count: number, dir: string): Promise<Map<string, number>> {
  const hook = join(import.meta.dirname, '../support/typescript.mjs');
  const program = join(import.meta.dirname, '../support/lease-writer.ts');
  const child = spawn(process.execPath, ['--import', hook, program, url, dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const acknowledged = new Map<string, number>();
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) acknowledged.set(line.split(' ')[0] ?? '', Number(line.split(' ')[1]));
    if (acknowledged.size >= count) child.kill('SIGKILL');
  });
  await new Promise((resolve) => child.once('close', resolve));
  expect(child.signalCode).toBe('SIGKILL');
  return acknowledged;
}

it('has every acknowledged lease after SIGKILL, again and again, and none twice', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'muster-kill-'));
  const acknowledged = new Map<string, number>();
  for (const count of [1, 300, 2000]) {
    for (const [mac, address] of await killAfter(count, dir)) acknowledged.set(mac, address);
  }
  const book = await LeaseBook.open({ dataSource, dir, serverId: 'killed', log: silentLogger });
  const subnet = book.subnets()[0]!;
  const lost: string[] = [];
  for (const [mac, address] of acknowledged) {
    const offered = await book.offer(subnet, { mac, uuid: null, clientId: null, hostname: null }, null);
    if (offered !== address) lost.push(`${mac}: had ${address}, is offered ${String(offered)}`);
  }
  expect(lost).toEqual([]);
  expect(new Set(acknowledged.values()).size).toBe(acknowledged.size);
  expect(await book.flush()).toBe(true);
  const stored = new Set(
    (await new LeaseService(dataSource).list()).map((lease) => `${lease.mac ?? ''} ${lease.address}`),
  );
  for (const [mac, address] of acknowledged) expect(stored).toContain(`${mac} ${formatAddress(address)}`);
  await book.close();
});
