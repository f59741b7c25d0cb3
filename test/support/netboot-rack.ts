import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { z } from 'zod';
import type { BootSession, Machine, MachineDetail } from '../../src/api/contract/index.js';
import { type MachineSpec, Rack, type RackMachine } from '../../src/lab/index.js';
import { labEnvironment, startLabServer } from '../../src/lab/up/lab-server.js';
import { inLab, type LabPlaces, musterCommand } from '../../src/lab/up/lab-places.js';
import type { machineFacts } from '../../src/machines/index.js';
import { systemClock } from '../../src/platform/clock.js';
import { PowerDriverRegistry, PowerService, QemuPowerDriver } from '../../src/power/index.js';
import { ServerProcesses } from '../kill/server-processes.js';

export type Facts = z.infer<typeof machineFacts>;

/** The Debian kernel boots in half a minute of an idle core's software emulation; tests may share the cores. */
export const BOOT_MS = 420_000;

/** A rack with the built server on its network, and machines that nobody told it of, or whose power it was told. */
export class NetbootRack {
  private readonly machines = new Map<string, RackMachine>();
  private readonly power = new PowerService(
    {
      powerTarget: (machineId) =>
        Promise.resolve({ machineId, driver: 'qemu', parameters: { socket: this.machine(machineId).socket } }),
    },
    new PowerDriverRegistry([new QemuPowerDriver()]),
    systemClock,
  );

  private server: ServerProcesses | null = null;

  private constructor(
    readonly rack: Rack,
    private readonly places: LabPlaces,
  ) {}

  static async create(namespace: string): Promise<NetbootRack> {
    const parent = mkdtempSync(join(tmpdir(), 'muster-netboot-'));
    // The server gives up root, and must reach what it runs on.
    chmodSync(parent, 0o755);
    const dir = join(parent, 'rack');
    // Builds are kept from run to run: they change only when what goes into them does.
    const cacheDir = process.env['MUSTER_TEST_CACHE'] ?? '/var/cache/muster-test';
    const places = { namespace, dir, cacheDir };
    return new NetbootRack(await Rack.create({ name: namespace, dir }), places);
  }

  startServer(settings: Record<string, string> = {}): Promise<void> {
    return startLabServer(this.rack, this.places, () => undefined, settings);
  }

  /** SIGKILL to the server and all that it started, and the same again, with other settings where some are given. */
  async killServer(settings: Record<string, string> = {}): Promise<void> {
    this.server ??= this.takeServer();
    await this.server.kill();
    await this.server.start(settings);
  }

  /** `muster … --json`, as one types it beside the server. An install beside other work takes many minutes. */
  async muster<Result>(...words: string[]): Promise<Result> {
    const argv = [...musterCommand(), '--json', ...words];
    const { stdout } = await this.rack.exec(argv, { environment: labEnvironment(this.places), timeoutMs: 3 * BOOT_MS });
    return JSON.parse(stdout) as Result;
  }

  async addMachine(spec: MachineSpec): Promise<RackMachine> {
    const machine = await this.rack.addMachine(spec);
    this.machines.set(machine.name, machine);
    return machine;
  }

  /** As by its button: the server is not asked. */
  async press(name: string, button: 'on' | 'off'): Promise<void> {
    await this.power[button](name);
  }

  powerStatus(name: string): Promise<string> {
    return this.power.status(name);
  }

  /** The server's record of a machine of the rack; null where it has none. */
  async find(name: string): Promise<(MachineDetail & { facts: Facts | null }) | null> {
    const { mac } = this.machine(name);
    const all = await this.muster<Machine[]>('machines', 'list');
    const found = all.find((each) => each.macs.includes(mac));
    return found === undefined ? null : this.muster('machines', 'show', found.name);
  }

  async bootLog(name: string): Promise<BootSession | null> {
    const found = await this.find(name);
    return found === null ? null : this.muster('machines', 'boot-log', found.name);
  }

  /** Looks until there is something to see. The error has the end of the machine's console and of the server's log. */
  async until<Seen>(
    name: string,
    what: string,
    look: () => Promise<Seen | null | false>,
    timeoutMs = BOOT_MS,
  ): Promise<Seen> {
    const deadline = performance.now() + timeoutMs;
    while (performance.now() < deadline) {
      const seen = await look();
      if (seen !== null && seen !== false) return seen;
      await systemClock.sleep(1_000);
    }
    const log = readFileSync(join(this.rack.dir, 'server.log'), 'utf8').slice(-2_000);
    throw new Error(`${name}: ${what} never came\nconsole:\n${this.console(name).slice(-2_000)}\nserver:\n${log}`);
  }

  console(name: string): string {
    const { serialLog } = this.machine(name);
    return existsSync(serialLog) ? readFileSync(serialLog, 'latin1') : '';
  }

  /** Its requests to one port of the server come to nothing, as behind a firewall. */
  async block(name: string, protocol: 'tcp' | 'udp', port: number): Promise<void> {
    const chain = `type filter hook input priority 0; ether saddr ${this.machine(name).mac} ${protocol} dport ${port} drop;`;
    await this.rack.exec(['nft', `table inet test { chain input { ${chain} }; }`]);
  }

  /** The file of an image in the server's store. */
  imageFile(sha256: string): string {
    return join(inLab.dataDir(this.places), 'images/sha256', sha256.slice(0, 2), sha256);
  }

  async destroy(): Promise<void> {
    await this.rack.destroy();
    rmSync(dirname(this.rack.dir), { recursive: true, force: true });
  }

  private takeServer(): ServerProcesses {
    const { pid } = this.rack.processes.find((each) => each.what === 'muster serve')!;
    return ServerProcesses.take(pid, this.places.namespace, inLab.serverLog(this.places));
  }

  machine(name: string): RackMachine {
    const machine = this.machines.get(name);
    if (machine === undefined) throw new Error(`there is no machine ${name} in the rack`);
    return machine;
  }
}
