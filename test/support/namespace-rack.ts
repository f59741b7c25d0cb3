import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseOutputFile } from '../../src/pipeline/node/output-file.js';
import { SCRIPT_TOOLS } from '../../src/pipeline/node/script-tools.js';
import { isOutputReference, type JsonObject, type JsonValue, type StepSpec } from '../../src/plan/index.js';

const run = promisify(execFile);
const OVERLAID = ['/etc', '/usr/local', '/var/lib'];
const SEARCH_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** A "host": a network namespace on the rack's switch, with what it writes to the system kept to itself. */
export class NamespaceHost {
  readonly children: ChildProcess[] = [];

  constructor(
    readonly name: string,
    readonly address: string,
    private readonly holder: ChildProcess,
    readonly folder: string,
  ) {}

  private get enter(): string[] {
    return ['-t', String(this.holder.pid), '-m', '-n'];
  }

  /** Standard output and error of a command in this host. Throws with both where it fails. */
  async exec(
    command: string,
    args: string[] = [],
    environment: Record<string, string> = {},
    cwd = '/',
  ): Promise<string> {
    const full = ['--wd=' + cwd, ...this.enter, command, ...args];
    const env = { PATH: SEARCH_PATH, HOME: '/root', ...environment };
    const { stdout, stderr } = await run('nsenter', full, { env, cwd, timeout: 120_000, maxBuffer: 1 << 24 });
    return stdout + stderr;
  }

  /** Starts a daemon in this host; it ends with the rack. */
  start(command: string, args: string[]): ChildProcess {
    const env = { PATH: SEARCH_PATH, HOME: '/root' };
    const child = spawn('nsenter', [...this.enter, command, ...args], { env, stdio: 'ignore' });
    this.children.push(child);
    return child;
  }

  async stop(): Promise<void> {
    for (const child of [...this.children, this.holder]) await ended(child);
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await exit;
  clearTimeout(late);
}

/** Hosts on one switch, 10.98.0.0/24, without a machine: for the parts of a bundle that want a kernel and no more. */
export class NamespaceRack {
  readonly hosts: NamespaceHost[] = [];

  private constructor(
    private readonly prefix: string,
    private readonly folder: string,
    private readonly emptied: readonly string[],
  ) {}

  /** `emptied`: folders that each host has to itself, empty at first. */
  static async create(prefix: string, emptied: readonly string[] = []): Promise<NamespaceRack> {
    const rack = new NamespaceRack(prefix, await mkdtemp(join(tmpdir(), `${prefix}-`)), emptied);
    await run('ip', ['netns', 'add', `${prefix}-switch`]);
    await rack.inSwitch('link', 'add', 'br0', 'type', 'bridge');
    await rack.inSwitch('link', 'set', 'br0', 'up');
    return rack;
  }

  private inSwitch(...args: string[]): Promise<unknown> {
    return run('ip', ['-n', `${this.prefix}-switch`, ...args]);
  }

  /** A new host with address 10.98.0.`number`. */
  async add(number: number): Promise<NamespaceHost> {
    const name = `${this.prefix}-${number}`;
    const folder = join(this.folder, name);
    await run('ip', ['netns', 'add', name]);
    const inHost = (...args: string[]) => run('ip', ['-n', name, ...args]);
    await inHost('link', 'set', 'lo', 'up');
    await inHost('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', `p${number}`, 'netns', `${this.prefix}-switch`);
    await this.inSwitch('link', 'set', `p${number}`, 'master', 'br0', 'up');
    await inHost('addr', 'add', `10.98.0.${number}/24`, 'dev', 'eth0');
    await inHost('link', 'set', 'eth0', 'up');
    const host = new NamespaceHost(name, `10.98.0.${number}`, await holdMounts(name, folder, this.emptied), folder);
    this.hosts.push(host);
    return host;
  }

  async destroy(): Promise<void> {
    for (const host of this.hosts) await host.stop();
    for (const name of [...this.hosts.map((host) => host.name), `${this.prefix}-switch`])
      await run('ip', ['netns', 'del', name]);
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** A process that keeps a mount namespace in which the system's folders are overlaid by the host's own. */
async function holdMounts(namespace: string, folder: string, emptied: readonly string[]): Promise<ChildProcess> {
  const layers = OVERLAID.map((path) => ({ path, layer: join(folder, path.replaceAll('/', '-')) }));
  for (const { layer } of layers)
    for (const part of ['upper', 'work']) await mkdir(join(layer, part), { recursive: true });
  await mkdir(join(folder, 'lxd'));
  const mounts = layers.map(
    ({ path, layer }) =>
      `mount -t overlay overlay -o lowerdir=${path},upperdir=${layer}/upper,workdir=${layer}/work ${path}`,
  );
  const script = [
    'set -e',
    'mount --make-rprivate /',
    ...mounts,
    'mkdir -p /var/lib/lxd',
    `mount --bind ${folder}/lxd /var/lib/lxd`,
    ...emptied.map((path) => `mount -t tmpfs tmpfs ${path}`),
    'echo ready',
    'exec sleep infinity',
  ];
  const holder = spawn('ip', ['netns', 'exec', namespace, 'unshare', '-m', 'sh', '-c', script.join('\n')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise<void>((resolve, reject) => {
    holder.stdout.once('data', () => resolve());
    holder.once('exit', (code) => reject(new Error(`cannot overlay ${namespace}: exit code ${code}`)));
  });
  return holder;
}

/**
 * Runs the `node.script` steps of a plan on hosts, in an order that their edges allow, as a worker would: the script's
 * input as a file, simple values as environment, what it publishes given to later steps.
 */
export class PlanOnHosts {
  readonly outputs = new Map<string, Record<string, string>>();
  readonly logs = new Map<string, string>();
  /** The steps that said that they changed nothing. */
  readonly unchanged = new Set<string>();

  constructor(
    private readonly hosts: ReadonlyMap<string, NamespaceHost>,
    private readonly afterStep: (key: string, host: NamespaceHost) => Promise<void> = () => Promise.resolve(),
  ) {
    for (const [node, host] of hosts) this.outputs.set(`node/${node}:ready`, { nodeId: node, address: host.address });
  }

  async run(steps: readonly StepSpec[]): Promise<void> {
    const open = [...steps];
    while (open.length > 0) {
      const index = open.findIndex((step) => step.after.every((key) => this.outputs.has(key)));
      const [step] = index === -1 ? [] : open.splice(index, 1);
      if (!step) throw new Error(`cannot start ${open.map(({ key }) => key).join(', ')}: they wait for one another`);
      await this.step(step);
    }
  }

  private async step(step: StepSpec): Promise<void> {
    const input = this.filledIn(step.input) as unknown as {
      nodeId: string;
      script: string;
      input: JsonObject;
      environment: Record<string, string>;
      publishes?: string[];
      files: { path: string; content: string }[];
    };
    const host = this.hosts.get(input.nodeId);
    if (!host) throw new Error(`cannot find host ${input.nodeId} of ${step.key}`);
    const folder = await mkdtemp(join(host.folder, 'step-'));
    const publish = join(folder, 'output');
    await writeFile(join(folder, 'script'), input.script);
    await writeFile(join(folder, 'input.json'), JSON.stringify(input.input), { mode: 0o600 });
    await writeFile(publish, '');
    for (const file of input.files) await writeFile(join(folder, file.path), file.content);
    for (const [name, text] of Object.entries(SCRIPT_TOOLS)) await writeFile(join(folder, name), text, { mode: 0o755 });
    const environment = {
      ...input.environment,
      PATH: `${folder}:${SEARCH_PATH}`,
      MUSTER_STEP_DIR: folder,
      MUSTER_INPUT: join(folder, 'input.json'),
      MUSTER_OUTPUT: publish,
    };
    try {
      this.logs.set(step.key, await host.exec('bash', [join(folder, 'script')], environment, folder));
    } catch (thrown) {
      throw new Error(`cannot run ${step.key}: ${thrown instanceof Error ? thrown.message : String(thrown)}`, {
        cause: thrown,
      });
    }
    const { outputs, secretOutputs } = parseOutputFile(await readFile(publish));
    this.outputs.set(step.key, { ...outputs, ...secretOutputs });
    for (const name of input.publishes ?? [])
      if (this.outputs.get(step.key)?.[name] === undefined) throw new Error(`${step.key} did not publish "${name}"`);
    if (existsSync(join(folder, 'unchanged'))) this.unchanged.add(step.key);
    await this.afterStep(step.key, host);
  }

  private filledIn(value: JsonValue): JsonValue {
    if (isOutputReference(value)) {
      const { step, name } = value.$output;
      const found = this.outputs.get(step)?.[name];
      if (found === undefined) throw new Error(`cannot find "${name}", which ${step} was to publish`);
      return found;
    }
    if (Array.isArray(value)) return value.map((item) => this.filledIn(item));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.filledIn(item)]));
  }
}
