import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { DataSource } from 'typeorm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ImageCatalog } from '../../src/images/index.js';
import { ApiApp } from '../support/api-app.js';
import { capturedLog } from '../support/captured-log.js';
import { Datastores } from '../support/datastores.js';
import { HOSTILE_BODIES, HOSTILE_SEGMENTS, HOSTILE_VALUES } from '../support/hostile-values.js';
import { httpsClient, type Answer, type Send, type SendOptions } from '../support/https-client.js';
import { operationsOf, type OpenApi, type Operation } from '../support/openapi-requests.js';

/** What fields with a form of their own look like, so that a request is wrong in one place alone. */
const EXAMPLES: Record<string, unknown> = {
  name: 'example',
  macs: ['52:54:00:00:0f:01'],
  mac: '52:54:00:00:0f:02',
  uuid: '7c1f4b9e-0000-4000-8000-00000000ff01',
  clientId: undefined,
  power: { driver: 'manual', parameters: {} },
  condition: 'any',
  bundle: 'ubuntu',
  files: undefined,
  base: 'debian@12',
  planHash: undefined,
  on: 'metal',
  target: 'debian@12',
  mirror: undefined,
  url: 'https://images.example/',
  os: 'debian@12',
  image: 'debian@12',
  sha256: '0'.repeat(64),
  upload: '00000000-0000-4000-8000-000000000000',
  pool: 'default',
  zone: 'default',
  hostname: 'host',
  subnet: 'lab',
  address: '10.7.0.9',
  cidr: '10.8.0.0/24',
  gateway: null,
  vlan: 5,
  space: 'rack',
  disk: '/dev/vda',
};
/** Things that are there, so that what is wrong comes further than to "not found". */
const KNOWN: Record<string, string> = { machine: 'n1', subnet: 'lab', bundle: 'ubuntu', deployment: 'trial' };

const { log, lines } = capturedLog();
let stores: Datastores;
let api: ApiApp;
let send: Send;
let operations: Operation[];
let admin: string;
let viewer: string;
beforeAll(async () => {
  stores = await Datastores.start();
  api = await ApiApp.start(stores, [], log);
  send = httpsClient(api);
  admin = readFileSync(join(api.dataDir, 'admin.token'), 'utf8').trim();
  viewer = (await api.cli(['tokens', 'create', 'looker'])).stdout.trim();
  await fill();
  const document = (await send('GET', '/docs/openapi.json')).json() as unknown as OpenApi;
  operations = operationsOf(document, EXAMPLES);
});
beforeEach(() => {
  lines.length = 0;
});
afterAll(async () => {
  await api.stop();
  await stores.stop();
});

async function fill(): Promise<void> {
  for (const name of ['n1', 'n2', 'n3']) await api.cli(['machines', 'declare', name, '--power', 'manual']);
  await api.cli(['subnets', 'create', 'lab', '10.7.0.0/24', '--range', '10.7.0.50-10.7.0.99']);
  await new ImageCatalog(api.app.get(DataSource)).record({
    ...{ kind: 'os', os: 'debian', release: '12', architecture: 'amd64', variant: 'default', version: '1' },
    ...{ source: 'test', labels: {}, createdAt: new Date(), files: [] },
  });
  const up = await api.cli(['up', 'ubuntu', '--name', 'trial', '--yes', '--detach', '--json']);
  const { run } = JSON.parse(up.stdout) as { run: { id: string } };
  KNOWN.run = run.id;
  const { steps } = JSON.parse((await api.cli(['runs', 'show', 'trial', '--json'])).stdout) as {
    steps: [{ key: string }];
  };
  KNOWN.step = steps[0].key.replaceAll('/', '~');
}

const pathOf = (operation: Operation, more: Record<string, string> = {}) =>
  operation.path.replace(/\{(\w+)\}/g, (_, name: string) => more[name] ?? KNOWN[name] ?? 'nothing');

/** What is wrong with an answer; null: nothing. A problem is told whole, as one, and gives nothing away. */
function faultOf({ status, headers, text }: Answer): string | null {
  if (status >= 500) return `${status} ${text}`;
  if (status < 400) return null;
  if (!String(headers['content-type']).startsWith('application/problem+json')) return `${status} as ${text}`;
  const problem = JSON.parse(text) as Record<string, unknown>;
  for (const field of ['type', 'title', 'status', 'detail', 'instance']) {
    if (problem[field] === undefined || problem[field] === '') return `${status} without ${field}: ${text}`;
  }
  if (!String(problem.detail).startsWith('cannot ')) return `${status} says "${String(problem.detail)}"`;
  return /QueryFailed|invalid input syntax|node_modules|\n\s+at /.test(text)
    ? `${status} tells of its inside: ${text}`
    : null;
}

/** Sends all of them, and lists those that were answered wrongly. */
async function faults(
  requests: readonly { operation: Operation; what: string; path: string; options: SendOptions }[],
  faultIn: (answer: Answer) => string | null = faultOf,
): Promise<string[]> {
  const found: string[] = [];
  const waiting = [...requests];
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { operation, what, path, options } = next;
      const answer = await send(operation.method, path, { token: admin, leaveStream: true, ...options });
      const fault = faultIn(answer);
      if (fault !== null) found.push(`${operation.id}, ${what}: ${fault}`.slice(0, 400));
    }
  };
  await Promise.all(Array.from({ length: 8 }, work));
  return found;
}

const shown = (value: unknown) => JSON.stringify(value).slice(0, 40);
const jsonOf = (operation: Operation): SendOptions =>
  operation.body === null ? {} : { body: JSON.stringify(operation.body) };

describe('every operation of the document', () => {
  it('is there', () => expect(operations.length).toBeGreaterThan(60));

  it('refuses a body that is none, with a problem', async () => {
    const requests = operations
      .filter(({ method }) => method !== 'GET')
      .flatMap((operation) =>
        HOSTILE_BODIES.map(({ what, body, headers }) => ({
          operation,
          what,
          path: pathOf(operation),
          options: { body, headers },
        })),
      );
    expect(await faults(requests)).toEqual([]);
  });

  it('unpacks no body', async () => {
    const headers = { 'content-encoding': 'gzip' };
    for (const type of ['application/json', 'application/octet-stream']) {
      const answer = await send('POST', '/v1/machines', { token: admin, body: gzipSync('{}'), type, headers });
      expect(answer.status).toBe(415);
      expect(answer.json()).toMatchObject({ status: 415, type: 'urn:muster:problem:invalid' });
    }
  });

  it('takes wrong values in any field for no more than a wrong request', async () => {
    const requests = operations.flatMap((operation) =>
      Object.keys(operation.body ?? {}).flatMap((field) =>
        HOSTILE_VALUES.map((value) => ({
          operation,
          what: `${field} = ${shown(value)}`,
          path: pathOf(operation),
          options: { body: JSON.stringify({ ...operation.body, [field]: value }) },
        })),
      ),
    );
    expect(requests.length).toBeGreaterThan(1000);
    expect(await faults(requests)).toEqual([]);
  });

  it('finds nothing under names that cannot be', async () => {
    const requests = operations.flatMap((operation) =>
      operation.pathNames.flatMap((name) =>
        HOSTILE_SEGMENTS.map((segment) => ({
          operation,
          what: `{${name}} = ${segment.slice(0, 40)}`,
          path: pathOf(operation, { [name]: segment }),
          options: jsonOf(operation),
        })),
      ),
    );
    expect(requests.length).toBeGreaterThan(500);
    expect(await faults(requests)).toEqual([]);
  });

  it('takes wrong values in the query likewise', async () => {
    const requests = operations.flatMap((operation) =>
      operation.queryNames.flatMap((name) =>
        [...HOSTILE_VALUES.filter((value) => typeof value === 'string' && value.length < 10_000), -1, 1e308, '%'].map(
          (value) => ({
            operation,
            what: `?${name}=${shown(value)}`,
            path: `${pathOf(operation)}?${new URLSearchParams({ [name]: String(value) }).toString()}`,
            options: jsonOf(operation),
          }),
        ),
      ),
    );
    expect(requests.length).toBeGreaterThan(100);
    expect(await faults(requests)).toEqual([]);
  });

  it('is refused to whoever shows no token', async () => {
    const closed = operations.filter(({ needsToken, path }) => needsToken && path !== '/metrics');
    const requests = closed.map((operation) => ({
      operation,
      what: 'no token',
      path: pathOf(operation),
      options: { ...jsonOf(operation), token: undefined },
    }));
    expect(await faults(requests, (answer) => (answer.status === 401 ? faultOf(answer) : `${answer.status}`))).toEqual(
      [],
    );
  });

  it('changes nothing for a token that may only read', async () => {
    const asking = [
      'deployments.plan',
      'deployments.plan-change',
      'deployments.plan-upgrade',
      'bundles.check',
      'bundles.graph',
      'roles.inspect',
      'nodes.plan-move',
    ];
    const changing = operations.filter(({ method, id }) => method !== 'GET' && !asking.includes(id));
    const requests = changing.map((operation) => ({
      operation,
      what: 'as viewer',
      path: pathOf(operation),
      options: { ...jsonOf(operation), token: viewer },
    }));
    expect(requests.length).toBeGreaterThan(30);
    expect(await faults(requests, (answer) => (answer.status === 403 ? faultOf(answer) : `${answer.status}`))).toEqual(
      [],
    );
  });
});

it('says at which place a text cannot be stored', async () => {
  const body = JSON.stringify({ note: 'a\0b' });
  const answer = await send('PATCH', '/v1/machines/n1', { token: admin, body });
  expect(answer.status).toBe(400);
  expect(answer.json().details).toEqual([{ at: 'body.note', message: expect.stringContaining('NUL') as unknown }]);
});

it('still works, and its audit is whole', async () => {
  expect((await api.cli(['machines', 'show', 'n2'])).code).toBe(0);
  expect((await api.cli(['audit', 'verify'])).stdout).toContain('all unbroken');
});
