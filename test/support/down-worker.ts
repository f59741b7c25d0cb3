/** A worker that takes deployments down, as a process of its own, to be killed. Its argument is JSON: see the options. */
import 'reflect-metadata';
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ForgetNodeHandler } from '../../src/deployments/forget-node.handler.js';
import { ForgetUnitHandler } from '../../src/deployments/forget-unit.handler.js';
import { DeploymentNodes } from '../../src/deployments/node-directory.js';
import { RemoveDeploymentHandler } from '../../src/deployments/remove-deployment.handler.js';
import { StandingState } from '../../src/deployments/standing.js';
import { ENTITIES } from '../../src/entities.js';
import { nodeHandlers, type RunsService } from '../../src/pipeline/index.js';
import { createDataSource } from '../../src/platform/database/index.js';
import { SshRemote } from '../../src/platform/remote/index.js';
import type { SecretBox } from '../../src/platform/secrets/index.js';
import { handler, reversingSecretBox, TestEngine } from './pipeline-engine.js';

interface DownWorkerOptions {
  databaseUrl: string;
  redisUrl: string;
  prefix: string;
  effects: string;
  /** Of the scripts that it runs on nodes. */
  environment?: Record<string, string>;
}

const options = JSON.parse(process.argv[2] ?? '{}') as DownWorkerOptions;
const dataSource = createDataSource({ url: options.databaseUrl, entities: ENTITIES, migrations: [] });
await dataSource.initialize();
const secrets = reversingSecretBox as unknown as SecretBox;
const clouds = { provider: () => Promise.reject(new Error('it has no cloud')) };
const nodes = new DeploymentNodes(dataSource, secrets, clouds);
const runs = new Proxy({} as RunsService, { get: (_, name) => Reflect.get(engine.runs, name) as unknown });
const state = new StandingState(runs, secrets);
const engine: TestEngine = new TestEngine({
  ...options,
  dataSource,
  settings: { leaseSeconds: 1 },
  handlers: [
    handler('test.release', async ({ stepKey }) => {
      appendFileSync(options.effects, `${stepKey} by ${process.pid}\n`);
      await sleep(1500);
      return { kind: 'done' };
    }),
    new ForgetNodeHandler(dataSource),
    new ForgetUnitHandler(dataSource, state, { get: (id) => engine.runs.get(id) }),
    ...nodeHandlers({ remote: new SshRemote({ connectTimeoutMs: 1000 }), nodes }, { environment: options.environment }),
    new RemoveDeploymentHandler(dataSource),
  ],
});
engine.start();
process.on('disconnect', () => process.exit(0));
