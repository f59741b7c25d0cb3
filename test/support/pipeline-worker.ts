/** A worker (and sweeper) as a process of its own, to be killed. Its argument is JSON: see WorkerOptions. */
import 'reflect-metadata';
import { appendFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { PIPELINE_ENTITIES } from '../../src/pipeline/entities.js';
import { nodeHandlers, type EngineSettings, type StepHandler } from '../../src/pipeline/index.js';
import { createDataSource } from '../../src/platform/database/index.js';
import { SshRemote, type RemoteTarget } from '../../src/platform/remote/index.js';
import { handler, TestEngine } from './pipeline-engine.js';

export interface WorkerOptions {
  databaseUrl: string;
  redisUrl: string;
  prefix: string;
  /** Every handler writes a line here for each of its effects. */
  effects: string;
  settings: Partial<EngineSettings>;
  node?: { target: RemoteTarget; environment: Record<string, string> };
  /** The file that every artifact is. */
  artifact?: string;
}

const options = JSON.parse(process.argv[2] ?? '{}') as WorkerOptions;
const did = (line: string) => appendFileSync(options.effects, `${line}\n`);

const handlers: StepHandler[] = [
  handler('test.work', async (context) => {
    const left = Number(context.state.left ?? context.input.polls ?? 1) - 1;
    did(`${context.stepKey} poll`);
    await sleep(Number(context.input.ms ?? 5));
    await context.saveState({ left });
    return left > 0 ? { kind: 'again', afterMs: 20 } : { kind: 'done', outputs: { by: process.pid } };
  }),
  // Says something before and after a long time in which the process may be stopped or killed.
  handler('test.slow', async (context) => {
    did(`${context.stepKey} begins ${process.pid}`);
    await context.log(`begun by ${process.pid}\n`);
    await sleep(Number(context.input.ms ?? 1000));
    await context.log(`ended by ${process.pid}\n`);
    return { kind: 'done' };
  }),
];
if (options.node !== undefined) {
  const { target, environment } = options.node;
  const nodes = { find: (name: string) => Promise.resolve({ ...target, name }) };
  const path = options.artifact ?? '/dev/null';
  const artifacts = { open: () => Promise.resolve({ path, sizeBytes: statSync(path).size }) };
  const remote = new SshRemote({ connectTimeoutMs: 2000 });
  handlers.push(...nodeHandlers({ remote, nodes, artifacts }, { environment }));
}

const dataSource = createDataSource({ url: options.databaseUrl, entities: PIPELINE_ENTITIES, migrations: [] });
await dataSource.initialize();
new TestEngine({ ...options, dataSource, handlers }).start();
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
