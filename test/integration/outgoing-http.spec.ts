import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../src/platform/clock.js';
import { HttpError, OutgoingHttp } from '../../src/platform/http/index.js';
import { CertificateAuthority } from '../../src/platform/tls/index.js';

let dir: string;
let base: string;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
let requests: IncomingMessage[];
let waits: number[];
/** Does not wait, but says how long it would have. */
const hastyClock: Clock = {
  ...systemClock,
  sleep: (ms) => {
    waits.push(ms);
    return Promise.resolve();
  },
};
const http = new OutgoingHttp({ allowLocal: true, resolve: () => Promise.resolve(['127.0.0.1']) }, hastyClock);

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'muster-http-'));
  requests = [];
  waits = [];
  const server = createServer((request, response) => {
    requests.push(request);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    rmSync(dir, { recursive: true });
  };
});

const redirectTo = (location: string) => (_: IncomingMessage, response: ServerResponse) =>
  response.writeHead(302, { location }).end();

describe('a request', () => {
  it('brings the whole answer', async () => {
    answer = (request, response) => {
      request.on('data', (body: Buffer) => response.writeHead(201, { 'x-a': 'b' }).end(`got ${body.toString()}`));
    };
    const { status, headers, body } = await http.send(base, { method: 'POST', body: 'hello' });
    expect([status, headers['x-a'], body.toString()]).toEqual([201, 'b', 'got hello']);
    await expect(http.getBody(base, { method: 'PUT', body: 'x' })).rejects.toMatchObject({ status: 201 });
  });

  it('goes to no loopback address, by name or by redirect, unless allowed', async () => {
    const strict = new OutgoingHttp({ resolve: () => Promise.resolve(['127.0.0.1']) });
    await expect(strict.send(base)).rejects.toMatchObject({ kind: 'forbidden' });
    await expect(strict.send(base.replace('127.0.0.1', 'innocent.example'))).rejects.toMatchObject({
      kind: 'forbidden',
    });
    expect(requests).toEqual([]);
  });

  it('checks each redirect, and follows five', async () => {
    for (const [location, why] of [
      ['file:///etc/passwd', /only https: and http:/],
      ['http://user:pw@127.0.0.1/', /must not hold/],
      ['/again', /more than 5 redirects/],
    ] as const) {
      answer = redirectTo(location);
      await expect(http.send(base)).rejects.toThrow(why);
    }
    expect(requests).toHaveLength(1 + 1 + 6);
  });

  it('leaves credentials with the origin they are for', async () => {
    answer = (request, response) =>
      requests.length === 1
        ? redirectTo(`${base.replace('127.0.0.1', 'other.example')}/x`)(request, response)
        : response.end('there');
    const { body } = await http.send(base, { headers: { Authorization: 'Bearer x', 'x-kept': '1' } });
    expect(body.toString()).toBe('there');
    expect(requests.map((request) => request.headers.authorization)).toEqual(['Bearer x', undefined]);
    expect(requests[1]?.headers).toMatchObject({ 'x-kept': '1' });
    expect(requests[1]?.headers.host).toContain('other.example');
  });

  it('stops at its size, and when nothing comes', async () => {
    answer = (_, response) => response.end('x'.repeat(1001));
    await expect(http.send(base, { maxBytes: 1000 })).rejects.toThrow(/more than 1000 bytes/);
    answer = () => undefined;
    await expect(http.send(base, { idleMs: 50 })).rejects.toThrow(/no byte for 50 ms/);
    answer = (_, response) => response.writeHead(200, { 'content-length': '10' }).write('half');
    await expect(http.send(base, { idleMs: 50 })).rejects.toThrow(/cannot fetch/);
    await expect(http.send(base, { signal: AbortSignal.abort() })).rejects.toThrow(/abort/);
    await expect(new OutgoingHttp({ allowLocal: true }).send('http://127.0.0.1:1/')).rejects.toThrow(/ECONNREFUSED/);
  });

  it('trusts the authority it was given, for the name that was asked', async () => {
    const authority = await CertificateAuthority.open(dir);
    const server = createTlsServer(await authority.serverIdentity('a', ['a.example']), (_, res) => res.end('secret'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const options = { allowLocal: true, resolve: () => Promise.resolve(['127.0.0.1']) };
    const trusting = new OutgoingHttp({ ...options, ca: authority.certificatePem });
    expect((await trusting.send(`https://a.example:${port}/`)).body.toString()).toBe('secret');
    await expect(trusting.send(`https://b.example:${port}/`)).rejects.toThrow(/does not match/);
    await expect(new OutgoingHttp(options).send(`https://a.example:${port}/`)).rejects.toThrow(/certificate/);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
});

describe('a download', () => {
  const content = randomBytes(3_000_000);
  const expected = { sha256: createHash('sha256').update(content).digest('hex'), sizeBytes: content.length };
  const target = () => join(dir, 'downloads', 'file');

  /** A server that honours ranges and breaks off after `breakAfter` bytes of each answer. */
  function serve(bytes: Buffer, options: { breakAfter?: () => number; etag?: string; ranges?: boolean } = {}) {
    return (request: IncomingMessage, response: ServerResponse) => {
      const etag = options.etag ?? '"1"';
      const { range, 'if-range': ifRange } = request.headers;
      const mayRange = options.ranges !== false && (ifRange === undefined || ifRange === etag);
      const from = mayRange ? Number(/bytes=(\d+)-/.exec(range ?? '')?.[1] ?? 0) : 0;
      if (from > 0 && from >= bytes.length) {
        response.writeHead(416).end();
        return;
      }
      const rest = bytes.subarray(from);
      const headers = { etag, 'content-length': rest.length };
      if (from > 0) {
        response.writeHead(206, { ...headers, 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` });
      } else response.writeHead(200, headers);
      const breakAfter = options.breakAfter?.() ?? Infinity;
      if (breakAfter >= rest.length) response.end(rest);
      else response.write(rest.subarray(0, breakAfter), () => response.socket?.destroy());
    };
  }
  const ranges = () => requests.map((request) => request.headers.range ?? 'all');

  it('stores the bytes, hashed as they come', async () => {
    answer = serve(content);
    const seen: number[] = [];
    const result = await http.download(base, target(), { ...expected, onProgress: ({ bytes }) => seen.push(bytes) });
    expect(result).toEqual(expected);
    expect(readFileSync(target()).equals(content)).toBe(true);
    expect(seen.at(-1)).toBe(content.length);
    expect(readdirSync(join(dir, 'downloads'))).toEqual(['file']);
  });

  it('goes on after each break, without fetching a byte twice', async () => {
    answer = serve(content, { breakAfter: () => 400_000 });
    expect(await http.download(base, target(), expected)).toEqual(expected);
    expect(readFileSync(target()).equals(content)).toBe(true);
    expect(requests.length).toBeGreaterThan(5);
    expect(ranges()[0]).toBe('all');
    expect(new Set(ranges()).size).toBe(requests.length);
    expect(requests[1]?.headers['if-range']).toBe('"1"');
  });

  it('goes on in another process', async () => {
    answer = serve(content, { breakAfter: () => (requests.length === 1 ? 1_000_000 : 0) });
    await expect(http.download(base, target(), { ...expected, attempts: 1 })).rejects.toThrow(/of 3000000 bytes/);
    const kept = readFileSync(target()).length;
    expect(kept).toBeGreaterThan(0);
    answer = serve(content);
    expect(await new OutgoingHttp({ allowLocal: true }).download(base, target(), expected)).toEqual(expected);
    expect(ranges().at(-1)).toBe(`bytes=${kept}-`);
  });

  it('starts over when the file changed on the server', async () => {
    const old = randomBytes(content.length);
    answer = serve(old, { etag: '"old"', breakAfter: () => 1_000_000 });
    await expect(http.download(base, target(), { attempts: 1 })).rejects.toThrow(HttpError);
    answer = serve(content, { etag: '"new"' });
    expect(await http.download(base, target(), expected)).toEqual(expected);
  });

  it('starts over when the server glued two versions together', async () => {
    answer = serve(randomBytes(content.length), { breakAfter: () => 1_000_000 });
    await expect(http.download(base, target(), { ...expected, attempts: 1 })).rejects.toThrow(HttpError);
    answer = serve(content);
    expect(await http.download(base, target(), expected)).toEqual(expected);
    expect(ranges().at(-1)).toBe('all');
  });

  it('does with a server that knows no ranges', async () => {
    answer = serve(content, { ranges: false, breakAfter: () => (requests.length === 1 ? 1_000_000 : Infinity) });
    expect(await http.download(base, target(), expected)).toEqual(expected);
  });

  it('takes nothing that is not what it should be', async () => {
    answer = serve(content);
    const wrong = { ...expected, sha256: 'a'.repeat(64) };
    await expect(http.download(base, target(), wrong)).rejects.toThrow(/its SHA-256 is [0-9a-f]{64}, not aaaa/);
    expect(existsSync(target())).toBe(false);
    await expect(http.download(base, target(), { sizeBytes: 4_000_000 })).rejects.toThrow(/3000000 bytes, not 4000000/);
    expect(existsSync(target())).toBe(false);
    await expect(http.download(base, target(), { sizeBytes: 1000 })).rejects.toThrow(/more than 1000 bytes/);
    await expect(http.download(base, target(), { maxBytes: 1000 })).rejects.toThrow(/more than 1000 bytes/);
  });

  it('does not write an endless answer', async () => {
    answer = (_, response) => {
      const more = () => response.write(Buffer.alloc(100_000), (error) => error ?? more());
      more();
    };
    await expect(http.download(base, target(), { maxBytes: 1_000_000 })).rejects.toThrow(/more than 1000000 bytes/);
    expect(readFileSync(target()).length).toBeLessThanOrEqual(1_000_000);
  });

  it('waits longer each time, and gives up', async () => {
    answer = (_, response) => response.writeHead(503).end();
    await expect(http.download(base, target(), expected)).rejects.toMatchObject({ status: 503 });
    expect(waits).toEqual([1000, 2000, 4000, 8000]);
    waits = [];
    answer = (_, response) => response.writeHead(404).end();
    await expect(http.download(base, target(), expected)).rejects.toMatchObject({ status: 404 });
    expect(waits).toEqual([]);
  });

  it('uses what is complete already, after checking it', async () => {
    answer = serve(content);
    await http.download(base, target(), expected);
    expect(await http.download(base, target(), expected)).toEqual(expected);
    expect(requests).toHaveLength(1);
    writeFileSync(target(), Buffer.alloc(content.length));
    expect(await http.download(base, target(), expected)).toEqual(expected);
    expect(readFileSync(target()).equals(content)).toBe(true);
  });

  it('refuses an encoding, which would change hash and length', async () => {
    answer = (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('x');
    await expect(http.download(base, target(), {})).rejects.toThrow(/encoded as gzip/);
  });
});
