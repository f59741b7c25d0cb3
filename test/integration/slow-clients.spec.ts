import { readFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiApp } from '../support/api-app.js';
import { BootServer } from '../support/boot-server.js';
import { Datastores } from '../support/datastores.js';
import { heldMebibytes } from '../support/heap.js';
import { httpsClient } from '../support/https-client.js';
import { inventoryOn, type Inventory } from '../support/inventory.js';

/** Ten seconds for headers or a handshake, and what it takes to notice. */
const PATIENCE_MS = 16_000;
let stores: Datastores;
let inventory: Inventory;
let boot: BootServer;
let api: ApiApp;
beforeAll(async () => {
  stores = await Datastores.start();
  inventory = inventoryOn((await stores.createDatabase()).dataSource);
  boot = await BootServer.start(inventory, stores.dir);
  api = await ApiApp.start(stores);
});
afterAll(async () => {
  await api.stop();
  await boot.stop();
  await inventory.dataSource.destroy();
  await stores.stop();
});

const apiPort = () => Number(new URL(api.url).port);
/** How long the server bears with this connection. */
function heldFor(socket: Socket, slowly: string | null): Promise<number> {
  const began = Date.now();
  const drip = setInterval(() => slowly !== null && socket.write(slowly), 500);
  return new Promise((resolve) => {
    socket
      .on('error', () => undefined)
      .on('close', () => {
        clearInterval(drip);
        resolve(Date.now() - began);
      })
      .resume();
  });
}
const many = <Value>(make: () => Value) => Array.from({ length: 100 }, make);
const tls = (port: number) => connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });

describe('clients that never come to the point', () => {
  it('are let go by every server, which serves others meanwhile', async () => {
    const dripping = [
      ...many(() => connectTcp(boot.httpPort, '127.0.0.1')),
      ...many(() => tls(boot.agentPort)),
      ...many(() => tls(apiPort())),
    ];
    for (const socket of dripping) socket.write('GET /health HTTP/1.1\r\nhost: x\r\n');
    const silent = [
      ...many(() => connectTcp(boot.agentPort, '127.0.0.1')),
      ...many(() => connectTcp(apiPort(), '127.0.0.1')),
    ];
    const held = Promise.all([
      ...dripping.map((socket) => heldFor(socket, 'x: y\r\n')),
      ...silent.map((socket) => heldFor(socket, null)),
    ]);
    expect((await fetch(`${boot.bootUrl}/boot/files/snponly.efi`)).status).toBe(200);
    expect((await httpsClient(api)('GET', '/health')).status).toBe(200);
    expect(Math.max(...(await held))).toBeLessThan(PATIENCE_MS);
  });
});

describe('a client of the events that does not read', () => {
  it('costs the server no memory', async () => {
    const token = readFileSync(join(api.dataDir, 'admin.token'), 'utf8').trim();
    await api.app.get(DataSource).query(
      `insert into event (number, at, kind, message, data)
       select 1000000 + n, now(), 'test', repeat('x', 8000), '{}' from generate_series(1, 12000) as n`,
    );
    const before = heldMebibytes();
    const sockets = Array.from({ length: 5 }, () => tls(apiPort()));
    for (const socket of sockets) {
      socket.pause().write(`GET /v1/events?after=0 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n\r\n`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5000));
    // Five times a hundred megabytes wait to be read.
    expect(heldMebibytes() - before).toBeLessThan(60);
    const [first] = sockets;
    const seen = await new Promise<number>((resolve) => {
      let bytes = 0;
      first?.on('data', (data: Buffer) => {
        bytes += data.length;
        if (bytes > 20_000_000) resolve(bytes);
      });
      first?.resume();
    });
    expect(seen).toBeGreaterThan(20_000_000);
    for (const socket of sockets) socket.destroy();
  });
});
