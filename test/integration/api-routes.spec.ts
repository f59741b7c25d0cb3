import { afterAll, beforeAll, expect, it } from 'vitest';
import { ALL_ROUTES } from '../../src/api/contract/index.js';
import { ApiApp } from '../support/api-app.js';
import { Datastores } from '../support/datastores.js';
import { httpsClient, type Send } from '../support/https-client.js';

/** Everything that may be had without a token. Whoever adds a line here opens a door. */
const PUBLIC = [
  'GET /',
  'GET /page/style.css',
  'GET /page/app.mjs',
  'GET /health',
  'GET /docs',
  'GET /docs/',
  'GET /docs/index.html',
  'GET /docs/swagger-ui-init.js',
  'GET /docs/docs/swagger-ui-init.js',
  'GET /docs/LICENSE',
  'GET /docs/openapi.json',
  'GET /docs/openapi.yaml',
  // What every editor reads; the same files are in the repository.
  'GET /schemas/bundle.schema.json',
  'GET /schemas/role.schema.json',
  // Only from this computer.
  'GET /metrics',
];

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

function servedRoutes(): string[] {
  const { stack } = api.app.getHttpAdapter().getInstance().router;
  return stack.flatMap((layer) => {
    const { route } = layer;
    if (route === undefined) return [];
    const methods = [...new Set(route.stack.map((handler) => handler.method.toUpperCase()))];
    return methods.map((method) => `${method} ${route.path}`);
  });
}

it('serves every entry of the contract', () => {
  const served = servedRoutes();
  const missing = ALL_ROUTES.map((route) => `${route.method} ${route.path}`).filter((route) => !served.includes(route));
  expect(missing).toEqual([]);
});

it('is open nowhere but where this test says so', async () => {
  const open: string[] = [];
  for (const route of servedRoutes()) {
    const [method = '', path = ''] = route.split(' ');
    const answer = await send(method, path.replace(/:\w+/g, 'x').replaceAll('*', 'x'));
    if (answer.status !== 401) open.push(route);
  }
  expect(open.filter((route) => !PUBLIC.includes(route))).toEqual([]);
});

it('has no metrics for others, nor through a proxy of this computer', async () => {
  expect((await send('GET', '/metrics')).status).toBe(200);
  expect((await send('GET', '/metrics', { headers: { 'x-forwarded-for': '192.0.2.1' } })).status).toBe(401);
});

it('describes itself', async () => {
  const document = (await send('GET', '/docs/openapi.json')).json() as { openapi: string; paths: object };
  expect(document.openapi).toBe('3.1.0');
  expect(Object.keys(document.paths)).toContain('/v1/machines/{machine}/deploy');
  expect((await send('GET', '/docs')).text).toContain('swagger-ui');
});

it('serves the page under a strict policy', async () => {
  const page = await send('GET', '/');
  expect(page.status).toBe(200);
  expect(page.headers['content-security-policy']).toContain("default-src 'none'");
  expect(page.headers['content-security-policy']).not.toContain('unsafe');
  expect(page.text).not.toMatch(/<script(?![^>]*src=)|style=|onclick=|https?:\/\//);
  const program = await send('GET', '/page/app.mjs');
  expect(program.headers['content-type']).toContain('text/javascript');
  expect(program.text).not.toContain('innerHTML');
});
