import { randomBytes, randomUUID } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { MusterError } from '../../error.js';
import { systemClock } from '../../platform/clock.js';
import { runProcess, type RunOptions, type RunResult } from '../../platform/process/index.js';
import {
  type Accelerator,
  diskFile,
  firmwareFiles,
  type MachineSpec,
  qemuArguments,
  type RackMachine,
  variablesFile,
} from './machine-spec.js';
import {
  createNamespace,
  createTap,
  deleteNamespace,
  execIn,
  LAB_ADDRESSES,
  type NamespaceAddresses,
  namespaceExists,
  processesIn,
} from './namespace.js';
import { endProcesses, isAlive, startDetached } from './processes.js';
import { hasRackState, type RackState, type RecordedProcess, readRackState, writeRackState } from './rack-state.js';

const MOST_ROUNDS = 10;

export interface RackOptions {
  /** Of the network namespace. */
  name: string;
  /** A folder of the rack's own: it must be new or empty, and goes when the rack goes. */
  dir: string;
  accelerator?: Accelerator;
  addresses?: NamespaceAddresses;
}

/**
 * A virtual rack: a private network and machines with real firmware on it, standing powered off, each with a QMP socket
 * as its power button. Needs root. Everything it makes is noted in its folder before or as it is made, so that
 * {@link destroy} works from any process and after any crash.
 */
export class Rack {
  private constructor(
    readonly dir: string,
    private readonly accelerator: Accelerator,
    private state: RackState,
  ) {}

  static async create(options: RackOptions): Promise<Rack> {
    refuseForeignFolder(options.dir);
    if (namespaceExists(options.name)) {
      throw new MusterError('conflict', `cannot make the rack: a network namespace "${options.name}" exists`, {
        hint: `\`npm run lab -- down\`, or \`ip netns delete ${options.name}\` if it is not the lab's`,
      });
    }
    mkdirSync(options.dir, { recursive: true });
    // Servers that gave up root reach sockets and logs in here.
    chmodSync(options.dir, 0o755);
    const state: RackState = { version: 1, namespace: options.name, bridge: '', processes: [], machines: [] };
    writeRackState(options.dir, state);
    const rack = new Rack(options.dir, options.accelerator ?? 'tcg', state);
    rack.save({ bridge: await createNamespace(options.name, options.addresses ?? LAB_ADDRESSES) });
    return rack;
  }

  /** A rack that an earlier process made. */
  static open(dir: string, accelerator: Accelerator = 'tcg'): Rack {
    return new Rack(dir, accelerator, readRackState(dir));
  }

  static existsIn(dir: string): boolean {
    return hasRackState(dir);
  }

  get namespace(): string {
    return this.state.namespace;
  }

  get bridge(): string {
    return this.state.bridge;
  }

  get machines(): readonly RackMachine[] {
    return this.state.machines;
  }

  get processes(): readonly (RecordedProcess & { alive: boolean })[] {
    return this.state.processes.map((each) => ({ ...each, alive: isAlive(each) }));
  }

  /** Builds a machine and leaves it powered off. */
  async addMachine(spec: MachineSpec): Promise<RackMachine> {
    const machine = this.plan(spec);
    mkdirSync(machine.dir, { recursive: true });
    chmodSync(machine.dir, 0o755);
    if (machine.firmware === 'uefi') copyFileSync(firmwareFiles(machine).variables, variablesFile(machine));
    for (const [index, disk] of machine.disks.entries()) {
      await runProcess(['qemu-img', 'create', '-q', '-f', 'qcow2', diskFile(machine, index), `${disk.sizeGigabytes}G`]);
    }
    await createTap(this.namespace, this.bridge, machine.tap);
    const qemuLog = join(machine.dir, 'qemu.log');
    const process = await this.start(qemuArguments(machine, this.accelerator), `machine ${machine.name}`, qemuLog);
    await untilListening(machine, process, qemuLog);
    chmodSync(machine.socket, 0o666);
    this.save({ machines: [...this.state.machines, machine] });
    return machine;
  }

  /** Runs a program inside the rack's network to its end. */
  exec(argv: readonly string[], options?: RunOptions): Promise<RunResult> {
    return runProcess(execIn(this.namespace, argv), options);
  }

  /** Starts a program inside the rack's network that stays until {@link destroy}. */
  async start(
    argv: readonly string[],
    what: string,
    outputFile: string,
    environment?: Record<string, string>,
  ): Promise<RecordedProcess> {
    const started = await startDetached(execIn(this.namespace, argv), {
      what,
      outputFile,
      ...(environment === undefined ? {} : { environment }),
    });
    this.record(started);
    return started;
  }

  /** Takes a process that was started elsewhere into the rack's care: {@link destroy} ends it. */
  record(process: RecordedProcess): void {
    this.save({ processes: [...this.state.processes, process] });
  }

  /** Ends one program that {@link start} began. */
  async stop(process: RecordedProcess, graceMs = 10_000): Promise<void> {
    await endProcesses([process], graceMs);
    this.save({ processes: this.state.processes.filter((each) => each.pid !== process.pid) });
  }

  /** Ends every process of the rack, removes its network, and its folder. */
  async destroy(): Promise<void> {
    // Servers first, so that they can close their own children; then whatever is left in the namespace.
    await endProcesses([...this.state.processes].reverse(), 10_000);
    if (namespaceExists(this.namespace)) {
      await this.endWhatIsLeft();
      await deleteNamespace(this.namespace);
    }
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** A server that nobody recorded starts its datastores again while it is being ended itself. */
  private async endWhatIsLeft(): Promise<void> {
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      const left = await processesIn(this.namespace);
      if (left.length === 0) return;
      await endProcesses(left, 5_000);
    }
    throw new MusterError('internal', `cannot take the rack down: in ${this.namespace} new processes begin for ever`, {
      hint: `\`ip netns pids ${this.namespace}\` names them`,
    });
  }

  private plan(spec: MachineSpec): RackMachine {
    if (!/^[a-z][a-z0-9-]{0,30}$/.test(spec.name) || this.machines.some((each) => each.name === spec.name)) {
      throw new MusterError('invalid', `cannot add a machine "${spec.name}": the name is taken or no host name`);
    }
    if (spec.firmware === 'bios' && (spec.secureBoot === true || spec.boot === 'http')) {
      throw new MusterError('invalid', `cannot add ${spec.name}: BIOS has neither Secure Boot nor HTTP boot`);
    }
    const dir = join(this.dir, 'machines', spec.name);
    return {
      name: spec.name,
      firmware: spec.firmware,
      boot: spec.boot ?? 'pxe',
      secureBoot: spec.secureBoot ?? false,
      nic: spec.nic ?? 'virtio',
      disks: spec.disks ?? [{ bus: 'virtio', sizeGigabytes: 8 }],
      memoryMegabytes: spec.memoryMegabytes ?? 1024,
      cores: spec.cores ?? 1,
      uuid: randomUUID(),
      // 52:54:00 is the prefix that QEMU's machines use.
      mac: spec.mac ?? `52:54:00:${[...randomBytes(3)].map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`,
      tap: `tap${this.machines.length}`,
      dir,
      socket: join(dir, 'qmp.sock'),
      serialLog: join(dir, 'serial.log'),
    };
  }

  private save(change: Partial<RackState>): void {
    this.state = { ...this.state, ...change };
    writeRackState(this.dir, this.state);
  }
}

/** A folder with anything else in it is somebody's, and destroying the rack would empty it. */
function refuseForeignFolder(dir: string): void {
  if (!existsSync(dir)) return;
  if (hasRackState(dir)) {
    throw new MusterError('conflict', `cannot make the rack: there is one in ${dir}`, {
      hint: '`npm run lab -- down` removes it, `npm run lab -- status` shows it',
    });
  }
  if (readdirSync(dir).length > 0) {
    throw new MusterError('conflict', `cannot make the rack in ${dir}: the folder is not empty`);
  }
}

async function untilListening(machine: RackMachine, process: RecordedProcess, log: string): Promise<void> {
  for (let waited = 0; waited < 15_000; waited += 20) {
    if (existsSync(machine.socket)) return;
    if (!isAlive(process)) break;
    await systemClock.sleep(20);
  }
  throw new MusterError('internal', `cannot start machine ${machine.name}: QEMU gave no control socket`, {
    hint: `see ${log}`,
  });
}
