import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { nodeHandlers } from '../../src/pipeline/index.js';
import { step, type JsonObject, type Plan, type StepSpec } from '../../src/plan/index.js';
import { SshRemote } from '../../src/platform/remote/index.js';
import { Datastores } from './datastores.js';
import { TestEngine } from './pipeline-engine.js';
import { Sshd } from './sshd.js';

type Handlers = Parameters<typeof nodeHandlers>;
type EngineOptions = ConstructorParameters<typeof TestEngine>[0];

/** Scripts on one node, `n` (none is called `gone`; `lost` is the same, of a cloud that has it no more): stores, engine, SSH and sshd are real. */
export class NodeSteps {
  engine!: TestEngine;
  remote!: SshRemote;

  private constructor(
    readonly stores: Datastores,
    readonly dataSource: DataSource,
    readonly sshd: Sshd,
  ) {}

  static async start(): Promise<NodeSteps> {
    const [stores, sshd] = await Promise.all([Datastores.start(), Sshd.start()]);
    return new NodeSteps(stores, (await stores.createDatabase()).dataSource, sshd);
  }

  async stop(): Promise<void> {
    await this.dataSource.destroy();
    await Promise.all([this.stores.stop(), this.sshd.stop()]);
  }

  /** An engine and connections for one test. */
  begin(
    more: {
      artifacts?: Handlers[0]['artifacts'];
      packages?: Handlers[0]['packages'];
      node?: Partial<NonNullable<Handlers[1]>>;
      settings?: EngineOptions['settings'];
    } = {},
  ): void {
    const { sshd } = this;
    this.remote = new SshRemote({ connectTimeoutMs: 2000 });
    const nodes = {
      find: (id: string) => Promise.resolve(id === 'gone' ? null : { ...sshd.target, name: id }),
      lossOf: (id: string) => Promise.resolve(id === 'lost' ? 'there is no lost any more' : null),
    };
    const from = { remote: this.remote, nodes, artifacts: more.artifacts, packages: more.packages };
    this.engine = new TestEngine({
      dataSource: this.dataSource,
      redisUrl: this.stores.redis.url,
      prefix: randomUUID(),
      handlers: nodeHandlers(from, { environment: sshd.runnerEnvironment, ...more.node }),
      settings: more.settings,
    }).start();
  }

  async end(): Promise<void> {
    await this.engine.stop();
    await this.remote.close();
  }

  /** A run of steps `s0`, `s1` … */
  submit(...steps: (Partial<StepSpec> & { input: JsonObject })[]) {
    const specs = steps.map((spec, n) =>
      step({
        ...{ key: `s${n}`, kind: 'node.script', title: 'a script', retries: 1 },
        ...spec,
        input: { nodeId: 'n', ...spec.input },
      }),
    );
    return this.submitPlan({ steps: specs });
  }

  submitPlan(plan: Plan) {
    const subject = { kind: 'deployment', id: randomUUID() };
    return this.engine.runs.submit(null, { subject, action: 'test', title: 'a test', actor: 'tester', plan });
  }

  over(id: string) {
    return this.engine.runs.untilOver(id, AbortSignal.timeout(50_000));
  }

  /** The whole of it, in as many pieces as it takes. */
  async logOf(id: string, key = 's0'): Promise<string> {
    const pieces: string[] = [];
    for (let offset = 0; ;) {
      const more = await this.engine.runs.log(id, key, offset);
      const last = more.at(-1);
      if (last === undefined) return pieces.join('');
      pieces.push(...more.map((piece) => piece.text));
      offset = last.offset + Buffer.byteLength(last.text);
    }
  }
}
