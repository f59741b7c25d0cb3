import { randomUUID } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { DataSource } from 'typeorm';
import { z } from 'zod';
import type { CloudProvider, Clouds } from '../../src/clouds/index.js';
import { BundleLibrary } from '../../src/deployments/bundle-library.js';
import { DeploymentOwner } from '../../src/deployments/deployment-owner.js';
import { DeploymentPlanner, type UpRequest } from '../../src/deployments/deployment-planner.js';
import { DeploymentRecords } from '../../src/deployments/deployment-records.js';
import { DeploymentsService } from '../../src/deployments/deployments.service.js';
import { ForgetNodeHandler } from '../../src/deployments/forget-node.handler.js';
import { ForgetUnitHandler } from '../../src/deployments/forget-unit.handler.js';
import { KnownNodeHandler } from '../../src/deployments/known-node.handler.js';
import { LaidDownHandler } from '../../src/deployments/laid-down.handler.js';
import { DeploymentNodes } from '../../src/deployments/node-directory.js';
import { RecordNodeHandler } from '../../src/deployments/record-node.handler.js';
import { RemoveDeploymentHandler } from '../../src/deployments/remove-deployment.handler.js';
import { ScheduleRunner } from '../../src/deployments/schedules/schedule-runner.js';
import { ScheduledActions } from '../../src/deployments/schedules/scheduled-actions.js';
import { SchedulesService } from '../../src/deployments/schedules/schedules.service.js';
import { StandingState } from '../../src/deployments/standing.js';
import { TeardownService } from '../../src/deployments/teardown.service.js';
import { UpgradeService } from '../../src/deployments/upgrade/upgrade.service.js';
import { VerifyService } from '../../src/deployments/verify.service.js';
import { nodeHandlers, type RunsService, type RunView, type StepOutcome } from '../../src/pipeline/index.js';
import { outputOf, step } from '../../src/plan/index.js';
import { loadSettings } from '../../src/platform/config/index.js';
import { systemClock } from '../../src/platform/clock.js';
import { SshRemote } from '../../src/platform/remote/index.js';
import type { SecretBox } from '../../src/platform/secrets/index.js';
import type { Datastores } from './datastores.js';
import { handler, reversingSecretBox, TestEngine } from './pipeline-engine.js';
import { Sshd } from './sshd.js';

/** Stands still until it is set. */
export class SetClock {
  time = new Date('2026-11-26T12:00:00Z');
  now = () => this.time;
  set(time: string): void {
    this.time = new Date(time);
  }
  sleep = (ms: number, signal?: AbortSignal) => systemClock.sleep(ms, signal);
}

/** Deployments as in life: engine, stores, SSH and scripts are real; only the cloud is scripted: each node is an sshd. */
export class DeploymentRig {
  readonly folder = mkdtempSync(join(tmpdir(), 'muster-deployments-'));
  /** By node key, as long as the cloud has given them. */
  readonly nodes = new Map<string, Sshd>();
  /** Keys of nodes that the cloud cannot take back. */
  readonly unreachable = new Set<string>();
  /** Of scripts on nodes: the journals of their steps, and which boot it is. */
  readonly environment = {
    MUSTER_ROOT: join(this.folder, 'muster'),
    MUSTER_BOOT_ID_FILE: join(this.folder, 'boot_id'),
  };
  /** What the cloud has images of. */
  bases = [{ os: 'debian', release: '12' }];
  /** Whether nodes live on when the cloud has taken them back. */
  nodesStay = false;
  /** What happens while a plan is made. */
  meanwhile = () => Promise.resolve();
  engine!: TestEngine;
  deployments!: DeploymentsService;
  teardown!: TeardownService;
  verification!: VerifyService;
  upgrades!: UpgradeService;
  records!: DeploymentRecords;
  planner!: DeploymentPlanner;
  state!: StandingState;
  schedules!: SchedulesService;
  actions!: ScheduledActions;
  /** Of schedules, and of what is due: engine and scripts live in real time. */
  readonly clock = new SetClock();
  private readonly spare: Sshd[] = [];
  private readonly remote = new SshRemote({ connectTimeoutMs: 1000 });

  private constructor(
    readonly stores: Datastores,
    readonly dataSource: DataSource,
    readonly databaseUrl: string,
  ) {}

  static async start(stores: Datastores, roles: Record<string, Record<string, string>>, nodes: number) {
    const { dataSource, url } = await stores.createDatabase();
    const rig = new DeploymentRig(stores, dataSource, url);
    for (const [role, files] of Object.entries(roles))
      for (const [name, text] of Object.entries(files)) rig.write(`bundles/roles/${role}/${name}`, text);
    for (let n = 0; n < nodes; n += 1) rig.spare.push(await Sshd.start());
    rig.build();
    return rig;
  }

  /** Engine and services anew, over the same database. */
  build(): void {
    const { dataSource } = this;
    const secrets = reversingSecretBox as unknown as SecretBox;
    const runs = new Proxy({} as RunsService, {
      get: (_, name) => {
        const value: unknown = Reflect.get(this.engine.runs, name);
        return typeof value === 'function' ? (value.bind(this.engine.runs) as unknown) : value;
      },
    });
    const library = new BundleLibrary(join(this.folder, 'bundles'));
    const provider = this.provider();
    const clouds = { provider: () => Promise.resolve(provider) } as unknown as Clouds;
    this.state = new StandingState(runs, secrets);
    this.records = new DeploymentRecords(dataSource, library, systemClock);
    this.planner = new DeploymentPlanner(clouds, library, runs, this.records, this.state, secrets, this.clock);
    const directory = new DeploymentNodes(dataSource, secrets, clouds);
    this.schedules = new SchedulesService(dataSource, this.clock);
    this.deployments = new DeploymentsService(
      dataSource,
      runs,
      this.planner,
      this.records,
      directory,
      this.state,
      this.schedules,
    );
    this.teardown = new TeardownService(dataSource, runs, this.planner, this.records, this.state);
    this.verification = new VerifyService(dataSource, runs, this.state, this.records, loadSettings({}));
    this.upgrades = new UpgradeService(dataSource, this.deployments, this.planner, this.records, library);
    this.actions = new ScheduledActions(
      this.deployments,
      this.teardown,
      this.verification,
      this.upgrades,
      this.schedules,
    );
    const { environment } = this;
    this.write('boot_id', 'boot-1\n');
    this.engine = new TestEngine({
      dataSource,
      redisUrl: this.stores.redis.url,
      prefix: randomUUID(),
      owners: [new DeploymentOwner(this.state, systemClock)],
      handlers: [
        new RecordNodeHandler(dataSource, this.remote, directory),
        new KnownNodeHandler(dataSource),
        new LaidDownHandler(),
        new ForgetNodeHandler(dataSource),
        new ForgetUnitHandler(dataSource, this.state, runs),
        new RemoveDeploymentHandler(dataSource),
        ...this.cloudHandlers(),
        ...nodeHandlers({ remote: this.remote, nodes: directory }, { environment }),
      ],
    }).start();
  }

  private provider(): CloudProvider {
    const gone =
      (verb: string) =>
      ({ key }: { key: string }, after: string[]) => [
        step({ key: `node/${key}:${verb}`, kind: `test.${verb}`, title: `${verb} ${key}`, input: { key }, after }),
      ];
    return {
      kind: 'metal',
      bases: async () => {
        await this.meanwhile();
        return this.bases;
      },
      preview: (requests) =>
        Promise.resolve(requests.map(({ key }) => ({ key, choice: 'a scripted node', wipes: [] }))),
      planNode: ({ key, authorizedKeys }) => {
        const make = `node/${key}:make`;
        const input = { key, authorizedKeys };
        return {
          steps: [step({ key: make, kind: 'test.make', title: `make ${key}`, input })],
          lastStep: make,
          registration: {
            ...{ name: `host-${key}`, machineId: null, address: '127.0.0.1', sshPort: outputOf(make, 'port') },
            hostKeys: outputOf(make, 'hostKeys'),
          },
        };
      },
      held: async () => {
        await this.meanwhile();
        return [];
      },
      planRemoval: gone('release'),
      planAbandonment: gone('abandon'),
      outlives: () => this.nodesStay,
      removalOf: ({ key, name }) => ({ change: `give back node ${key} (${name})`, destroys: [`the disks of ${key}`] }),
    };
  }

  private cloudHandlers() {
    const key = (input: unknown) => z.object({ key: z.string() }).parse(input).key;
    return [
      handler('test.make', ({ input }) => {
        const { authorizedKeys } = z.object({ authorizedKeys: z.array(z.string()) }).parse(input);
        const sshd = this.nodes.get(key(input)) ?? this.spare.shift();
        if (sshd === undefined) return { kind: 'failed', failure: 'permanent', reason: 'no node is left' };
        this.nodes.set(key(input), sshd);
        appendFileSync(join(sshd.dir, 'authorized_keys'), `${authorizedKeys.join('\n')}\n`);
        return { kind: 'done', outputs: { port: sshd.port, hostKeys: sshd.target.hostKeys } };
      }),
      handler('test.release', ({ input }) => {
        if (this.unreachable.has(key(input)))
          return { kind: 'failed', failure: 'permanent', reason: 'it does not answer' };
        return this.letGo(key(input));
      }),
      handler('test.abandon', ({ input }) => this.letGo(key(input))),
    ];
  }

  private letGo(key: string): StepOutcome {
    const sshd = this.nodes.get(key);
    if (sshd !== undefined) this.spare.push(sshd);
    this.nodes.delete(key);
    return { kind: 'done' };
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.folder, path)), { recursive: true });
    writeFileSync(join(this.folder, path), text);
  }

  forget(path: string): void {
    rmSync(join(this.folder, path));
  }

  /** What scripts have appended to a file in the rig's folder since the last look. */
  told(path = 'told'): string[] {
    const file = join(this.folder, path);
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    rmSync(file);
    return lines;
  }

  /** One scheduler; there may be several. */
  runner(): ScheduleRunner {
    return new ScheduleRunner(this.dataSource, this.engine.runs, this.actions, this.clock);
  }

  request(text: string) {
    return { files: [{ path: 'bundle.yaml', text }], on: 'metal' };
  }

  /** Up with a bundle's text, to the end. */
  async up(text: string, more: Pick<UpRequest, 'replace' | 'options'> = {}): Promise<RunView> {
    const { run } = await this.dataSource.transaction((manager) =>
      this.deployments.up(manager, { ...this.request(text), ...more }, 'tester'),
    );
    return this.over(run.id);
  }

  plan(text: string, more: Pick<UpRequest, 'replace' | 'options'> = {}) {
    return this.deployments.plan({ ...this.request(text), ...more });
  }

  over(runId: string): Promise<RunView> {
    return this.engine.runs.untilOver(runId, AbortSignal.timeout(60_000));
  }

  async stop(): Promise<void> {
    await this.engine.stop();
    await this.remote.close();
    await this.dataSource.destroy();
    await Promise.all([...this.spare, ...this.nodes.values()].map((sshd) => sshd.stop()));
    rmSync(this.folder, { recursive: true, force: true });
  }
}
