import { createHmac, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/platform/clock.js';
import { runProcess } from '../../src/platform/process/index.js';
import { type PowerTarget, RedfishPowerDriver, WebhookPowerDriver } from '../../src/power/index.js';

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

const dir = mkdtempSync(join(tmpdir(), 'muster-power-http-'));
const servers: Server[] = [];
const BASIC = `Basic ${Buffer.from('ada:secret').toString('base64')}`;
let seen: { url: string; authorization: string | undefined }[] = [];
let tls: { key: string; cert: string };

beforeAll(async () => {
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')];
  const subject = ['-subj', '/CN=bmc', '-days', '1'];
  await runProcess([
    'openssl',
    'req',
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    key,
    '-out',
    cert,
    ...subject,
  ]);
  tls = { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8') };
});
afterEach(async () => {
  seen = [];
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** A service that answers as the test says; gives its URL. */
async function serve(answer: Answer, secure = false): Promise<string> {
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    seen.push({ url: request.url ?? '', authorization: request.headers.authorization });
    let body = '';
    request.on('data', (piece: Buffer) => (body += piece.toString()));
    request.on('end', () => answer(request, response, body));
  };
  const server = secure ? createTlsServer(tls, handle) : createServer(handle);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `${secure ? 'https' : 'http'}://127.0.0.1:${(server.address() as { port: number }).port}`;
}

const json = (value: unknown): Answer => {
  return (_, response) => response.end(JSON.stringify(value));
};
const signal = () => AbortSignal.timeout(10_000);

describe('a Redfish service', () => {
  const driver = new RedfishPowerDriver({ allowLocal: true });
  const target = (url: string, more: Record<string, string> = {}): PowerTarget => ({
    machineId: 'm1',
    driver: 'redfish',
    parameters: { url, user: 'ada', password: 'secret', ...more },
  });
  /** One system that is on. */
  const wellBehaved: Answer = (request, response, body) => {
    const resources: Record<string, unknown> = {
      '/redfish/v1/': { Systems: { '@odata.id': '/redfish/v1/Systems' } },
      '/redfish/v1/Systems': { Members: [{ '@odata.id': '/redfish/v1/Systems/1' }] },
      '/redfish/v1/Systems/1': { PowerState: 'On' },
    };
    json(resources[request.url ?? ''])(request, response, body);
  };

  it.each([
    ['leads off to another host', { Systems: { '@odata.id': 'http://evil.example/redfish/v1/Systems' } }],
    ['leads off without a scheme', { Systems: { '@odata.id': '//evil.example/Systems' } }],
    ['has no systems', {}],
    ['is not what it says', 'hello'],
  ])('that %s is refused', async (_, root) => {
    const url = await serve(json(root));
    await expect(driver.status(target(url), signal())).rejects.toMatchObject({ failure: 'refused' });
    expect(seen).toHaveLength(1);
  });

  it.each<[string, Answer, string]>([
    ['sends no JSON', (_, response) => response.end('<html>'), 'refused'],
    ['redirects', (_, response) => response.writeHead(302, { Location: '/elsewhere' }).end(), 'refused'],
    ['is busy', (_, response) => response.writeHead(503).end(), 'refused'],
    ['does not know the password', (_, response) => response.writeHead(401).end(), 'misconfigured'],
    ['hangs up', (request) => request.socket.destroy(), 'unreachable'],
    ['never stops talking', (_, response) => response.end('x'.repeat(3_000_000)), 'unreachable'],
  ])('that %s is told as such', async (_, answer, failure) => {
    const url = await serve(answer);
    await expect(driver.status(target(url), signal())).rejects.toMatchObject({ failure });
  });

  it('with a certificate of its own is not trusted, and gets no password', async () => {
    const url = await serve(wellBehaved, true);
    await expect(driver.status(target(url), signal())).rejects.toMatchObject({ failure: 'misconfigured' });
    const wrong = { fingerprint: '00'.repeat(32) };
    await expect(driver.status(target(url, wrong), signal())).rejects.toMatchObject({ failure: 'misconfigured' });
    expect(seen).toEqual([]);
  });

  it('with the certificate that was named is trusted', async () => {
    const url = await serve(wellBehaved, true);
    const fingerprint = new X509Certificate(tls.cert).fingerprint256;
    expect(await driver.status(target(url, { fingerprint }), signal())).toBe('on');
    expect(seen.map(({ authorization }) => authorization)).toEqual([undefined, BASIC, BASIC]);
  });

  describe('with sessions', () => {
    /** As DSP0266 has them; `make` answers whoever wants one. */
    const withSessions = (make: Answer) => {
      const open = new Set<string>();
      const asked: string[] = [];
      const answer: Answer = (request, response, body) => {
        const { method = '', url = '', headers } = request;
        const token = String(headers['x-auth-token'] ?? '');
        asked.push(`${method} ${url} ${open.has(token) ? 'by session' : (headers.authorization ?? 'by nobody')}`);
        if (url === '/redfish/v1/') {
          const sessions = { '@odata.id': '/redfish/v1/SessionService/Sessions' };
          json({ Systems: { '@odata.id': '/redfish/v1/Systems' }, Links: { Sessions: sessions } })(
            request,
            response,
            body,
          );
        } else if (method === 'POST' && url === '/redfish/v1/SessionService/Sessions') {
          open.add('token-1');
          make(request, response, body);
        } else if (!open.has(token) && headers.authorization !== BASIC) response.writeHead(401).end();
        else if (method === 'DELETE') {
          open.delete(token);
          response.writeHead(204).end();
        } else wellBehaved(request, response, body);
      };
      return { open, asked, answer };
    };
    const made: Answer = (_, response, body) => {
      expect(JSON.parse(body)).toEqual({ UserName: 'ada', Password: 'secret' });
      const headers = { 'X-Auth-Token': 'token-1', Location: '/redfish/v1/SessionService/Sessions/1' };
      response.writeHead(201, headers).end('{}');
    };
    const ROOT = 'GET /redfish/v1/ by nobody';
    const LOGIN = 'POST /redfish/v1/SessionService/Sessions by nobody';

    it('is told the password once, and left without a session', async () => {
      const { open, asked, answer } = withSessions(made);
      expect(await driver.status(target(await serve(answer)), signal())).toBe('on');
      expect(asked).toEqual([
        ROOT,
        LOGIN,
        'GET /redfish/v1/Systems by session',
        'GET /redfish/v1/Systems/1 by session',
        'DELETE /redfish/v1/SessionService/Sessions/1 by session',
      ]);
      expect(open.size).toBe(0);
    });

    it('is left without one also where it cannot do what is asked, or its caller has gone', async () => {
      const { open, answer } = withSessions(made);
      const url = await serve(answer);
      await expect(driver.status(target(url, { system: 'none' }), signal())).rejects.toMatchObject({
        failure: 'misconfigured',
      });
      expect(open.size).toBe(0);
      const leaving = new AbortController();
      const gone = withSessions((request, response, body) => {
        made(request, response, body);
        setTimeout(() => leaving.abort(), 50);
      });
      const slow: Answer = (request, response, body) => {
        if (request.url === '/redfish/v1/Systems') return; // never answered
        gone.answer(request, response, body);
      };
      await expect(driver.status(target(await serve(slow)), leaving.signal)).rejects.toThrow();
      expect(gone.open.size).toBe(0);
    });

    it.each<[string, Answer]>([
      ['has none left', (_, response) => response.writeHead(503).end()],
      ['has another kind', (_, response) => response.writeHead(201).end('{}')],
    ])('and %s is told the password with each request', async (_, make) => {
      const { asked, answer } = withSessions(make);
      expect(await driver.status(target(await serve(answer)), signal())).toBe('on');
      expect(asked).toEqual([ROOT, LOGIN, `GET /redfish/v1/Systems ${BASIC}`, `GET /redfish/v1/Systems/1 ${BASIC}`]);
    });

    it('that does not know the password is not asked with it again', async () => {
      const { asked, answer } = withSessions((_, response) => response.writeHead(401).end());
      await expect(driver.status(target(await serve(answer)), signal())).rejects.toMatchObject({
        failure: 'misconfigured',
      });
      expect(asked).toEqual([ROOT, LOGIN]);
    });

    it('that sends its sessions elsewhere is refused', async () => {
      const url = await serve(
        json({ Systems: { '@odata.id': '/s' }, Links: { Sessions: { '@odata.id': 'http://evil.example/Sessions' } } }),
      );
      await expect(driver.status(target(url), signal())).rejects.toMatchObject({ failure: 'refused' });
      expect(seen).toHaveLength(1);
    });
  });

  it('that cannot be told to boot from the network says so', async () => {
    const url = await serve(wellBehaved);
    expect(await driver.bootOnceFromNetwork(target(url), signal())).toBe(false);
  });
});

describe('a webhook', () => {
  const driver = new WebhookPowerDriver(systemClock, { allowLocal: true });
  const target = (url: string): PowerTarget => ({
    machineId: 'm1',
    driver: 'webhook',
    parameters: { url, secret: 'shared' },
  });

  it('is sent a signed command', async () => {
    let received = { body: '', signature: '' };
    const url = await serve((request, response, body) => {
      received = { body, signature: String(request.headers['x-muster-signature']) };
      response.writeHead(204).end();
    });
    await driver.on(target(url), signal());
    const command = JSON.parse(received.body) as { time: string };
    expect(command).toMatchObject({ action: 'on', machine: 'm1' });
    expect(Math.abs(Date.now() - Date.parse(command.time))).toBeLessThan(10_000);
    expect(received.signature).toBe(`sha256=${createHmac('sha256', 'shared').update(received.body).digest('hex')}`);
  });

  it('tells the state, or that it does not know it', async () => {
    expect(await driver.status(target(await serve(json({ state: 'off' }))), signal())).toBe('off');
    expect(await driver.status(target(await serve(json({}))), signal())).toBe('unknown');
  });

  it.each([{ state: 'maybe' }, { uuid: 'x' }, [1, 2]])('is not believed when it says %j', async (reply) => {
    const url = await serve(json(reply));
    await expect(driver.status(target(url), signal())).rejects.toMatchObject({ failure: 'refused' });
  });

  it('may not be on this computer or link-local, unless that is allowed', async () => {
    const strict = new WebhookPowerDriver(systemClock, { allowLocal: false });
    const { port } = new URL(await serve(json({})));
    const hosts = ['127.0.0.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]', '0.0.0.0', '169.254.169.254', '2130706433'];
    for (const host of hosts) {
      const call = strict.on(target(`http://${host}:${port}/`), signal());
      await expect(call, host).rejects.toMatchObject({ failure: 'misconfigured' });
    }
    expect(seen).toEqual([]);
  });
});
