import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ApiApp } from '../support/api-app.js';
import { Datastores } from '../support/datastores.js';
import { httpsClient, type Send } from '../support/https-client.js';

let stores: Datastores;
let api: ApiApp;
let send: Send;
beforeAll(async () => {
  stores = await Datastores.start();
  api = await ApiApp.start(stores);
  send = httpsClient(api);
});
afterAll(async () => {
  await api.stop();
  await stores.stop();
});

const admin = () => readFileSync(join(api.dataDir, 'admin.token'), 'utf8').trim();

describe('access', () => {
  it('begins with a token that only its owner can read', () => {
    expect(admin()).toMatch(/^muster_/);
    expect(statSync(join(api.dataDir, 'admin.token')).mode & 0o777).toBe(0o600);
  });

  it('is refused with no token, a wrong one, and one that is no token', async () => {
    for (const token of [undefined, `muster_${'0'.repeat(16)}_${'A'.repeat(43)}`, 'x']) {
      const answer = await send('GET', '/v1/tokens', { token });
      expect(answer.status).toBe(401);
      expect(answer.headers['content-type']).toContain('application/problem+json');
      expect(answer.headers['www-authenticate']).toContain('Bearer');
    }
  });

  it.each([`"${'x'.repeat(5 * 1024 * 1024)}"`, '{"name":'])('is looked at before the body is', async (body) => {
    for (const token of [undefined, 'x']) {
      const { status, headers } = await send('POST', '/v1/tokens', { token, body });
      expect(status).toBe(401);
      expect(headers['content-type']).toContain('application/problem+json');
      expect(headers['x-content-type-options']).toBe('nosniff');
    }
  });

  it('goes as far as the role', async () => {
    const viewer = (await api.cli(['tokens', 'create', 'looker'])).stdout.trim();
    expect((await send('GET', '/v1/tokens/self', { token: viewer })).json()).toMatchObject({ role: 'viewer' });
    expect((await send('GET', '/v1/tokens', { token: viewer })).status).toBe(403);
    expect((await api.cli(['tokens', 'list'], { token: viewer })).code).toBe(4);
  });

  it('ends with revocation, but never for the last admin', async () => {
    const operator = (await api.cli(['tokens', 'create', 'op', '--role', 'operator'])).stdout.trim();
    expect((await api.cli(['tokens', 'revoke', 'op'])).code).toBe(0);
    expect((await send('GET', '/v1/tokens/self', { token: operator })).status).toBe(401);
    const refused = await api.cli(['tokens', 'revoke', 'first-admin']);
    expect(refused.code).toBe(4);
    expect(refused.stderr).toContain('last admin token');
  });
});

describe('the audit', () => {
  it('holds every change, done or refused, without secrets', async () => {
    const text = (await api.cli(['tokens', 'create', 'audited'])).stdout.trim();
    const { stdout } = await api.cli(['--json', 'audit', 'list']);
    expect(JSON.parse(stdout)).toContainEqual(
      expect.objectContaining({
        actor: 'first-admin',
        action: 'tokens.create',
        subject: 'tokens/audited',
        outcome: 'done',
      }),
    );
    expect(stdout).toContain('"refused"');
    expect(stdout).not.toContain(text);
  });

  it('is an unbroken chain that Postgres itself refuses to change', async () => {
    expect((await api.cli(['audit', 'verify'])).stdout).toContain('all unbroken');
    const { DataSource } = await import('typeorm');
    const dataSource = api.app.get(DataSource);
    await expect(dataSource.query("update audit_entry set actor = 'eve'")).rejects.toThrow(/append-only/);
    await expect(dataSource.query('delete from audit_entry')).rejects.toThrow(/append-only/);
  });
});

describe('input', () => {
  it('is told all its problems at once', async () => {
    const body = JSON.stringify({ name: '', role: 'king', expiresInSeconds: 1, more: true });
    const answer = await send('POST', '/v1/tokens', { token: admin(), body });
    expect(answer.status).toBe(400);
    const places = (answer.json().details as { at: string }[]).map((detail) => detail.at);
    expect(places).toEqual(expect.arrayContaining(['body.name', 'body.role', 'body.expiresInSeconds', 'body']));
  });

  it.each([
    ['not JSON', '{"name":', 400],
    ['too large', `"${'x'.repeat(5 * 1024 * 1024)}"`, 413],
  ])('that is %s is refused', async (_what, body, status) => {
    const answer = await send('POST', '/v1/tokens', { token: admin(), body });
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toContain('application/problem+json');
  });

  it('with an oversized header is refused', async () => {
    const answer = await send('GET', '/v1/tokens/self', { token: `muster_${'x'.repeat(20_000)}` });
    expect(answer.status).toBe(431);
  });
});

describe('the open parts', () => {
  it('tell live and ready', async () => {
    expect((await send('GET', '/health')).json()).toEqual({ status: 'ok', postgres: 'up', redis: 'up' });
  });

  it('give metrics to this computer', async () => {
    expect((await send('GET', '/metrics')).text).toContain('muster_api_request_seconds');
  });
});

describe('machines', () => {
  it('are declared, described and accepted, with the record of who did it', async () => {
    expect((await api.cli(['machines', 'declare', 'n1', '--power', 'manual', '--tag', 'ssd'])).code).toBe(0);
    expect((await api.cli(['machines', 'tag', 'n1', 'fast', '--', '-ssd'])).code).toBe(0);
    expect((await api.cli(['machines', 'accept', 'n1'])).stdout).toContain('n1 is accepted');
    const shown = await api.cli(['machines', 'show', 'n1', '--json']);
    expect(JSON.parse(shown.stdout)).toMatchObject({ state: 'declared', accepted: true, tags: ['fast'] });
    const audit = (await api.cli(['audit', 'list', '--json'])).stdout;
    expect(JSON.parse(audit)).toContainEqual(
      expect.objectContaining({
        action: 'machines.accept',
        before: expect.objectContaining({ accepted: false }) as unknown,
        after: expect.objectContaining({ accepted: true }) as unknown,
      }),
    );
  });

  it('of another pool are not there for a token of one pool', async () => {
    const token = (await api.cli(['tokens', 'create', 'lab', '--role', 'operator', '--pool', 'lab'])).stdout.trim();
    expect((await api.cli(['machines', 'show', 'n1'], { token })).code).toBe(3);
    expect((await api.cli(['machines', 'declare', 'n2', '--power', 'manual'], { token })).code).toBe(0);
    const listed = JSON.parse((await api.cli(['machines', '--json'], { token })).stdout) as { name: string }[];
    expect(listed.map((machine) => machine.name)).toEqual(['n2']);
    expect((await api.cli(['runs'], { token })).code).toBe(4);
  });

  it('are not deleted without a yes', async () => {
    const refused = await api.cli(['machines', 'delete', 'n2']);
    expect(refused.code).toBe(4);
    expect(refused.stderr).toContain('--yes');
    expect((await api.cli(['machines', 'delete', 'n2'], { input: 'n\n' })).code).toBe(4);
    expect((await api.cli(['machines', 'delete', 'n2'], { input: 'y\n' })).code).toBe(0);
    expect((await api.cli(['machines', 'show', 'n2'])).code).toBe(3);
  });
});

describe('networks', () => {
  it('are made, changed and shown to another DHCP server', async () => {
    const made = await api.cli(['subnets', 'create', 'rack1', '10.7.0.0/24', '--range', '10.7.0.50-10.7.0.99']);
    expect(made.code).toBe(0);
    expect((await api.cli(['subnets', 'set', 'rack1', '--mode', 'proxy'])).stdout).toContain('proxy');
    expect((await api.cli(['subnets', 'show', 'rack1', '--snippet', 'dnsmasq'])).stdout).toContain('undionly.kpxe');
    const wrong = await api.cli(['subnets', 'create', 'rack2', '10.7.0.0/25']);
    expect(wrong.code).toBe(2);
  });

  it('keep addresses for clients', async () => {
    const mac = ['--mac', '52:54:00:00:00:01'];
    expect((await api.cli(['reservations', 'create', 'rack1', '10.7.0.9', ...mac])).code).toBe(0);
    expect((await api.cli(['reservations'])).stdout).toContain('10.7.0.9');
    expect((await api.cli(['leases'])).stdout).toContain('(none)');
  });
});
