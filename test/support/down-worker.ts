/** A worker that takes deployments down, as a process of its own, to be killed. Its argument is JSON: see the options. */
import 'reflect-metadata';
import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ForgetNodeHandler } from '../../src/deployments/forget-node.handler.js';
import { RemoveDeploymentHandler } from '../../src/deployments/remove-deployment.handler.js';
import { ENTITIES } from '../../src/entities.js';
import { createDataSource } from '../../src/platform/database/index.js';
import { handler, TestEngine } from './pipeline-engine.js';

interface DownWorkerOptions {
  databaseUrl: string;
  redisUrl: string;
  prefix: string;
  effects: string;
}

const options = JSON.parse(process.argv[2] ?? '{}') as DownWorkerOptions;
const dataSource = createDataSource({ url: options.databaseUrl, entities: ENTITIES, migrations: [] });
await dataSource.initialize();
new TestEngine({
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
    new RemoveDeploymentHandler(dataSource),
  ],
}).start();
process.on('disconnect', () => process.exit(0));
