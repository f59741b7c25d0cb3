import { z } from 'zod';
import { MusterError } from '../../error.js';
import { formatAddress } from '../../protocol/ipv4/index.js';
import { readBootScript } from './boot-script.js';
import type { DhcpRelay } from './dhcp-relay.js';
import { type SimulatedMachine, factsOf } from './simulated-machine.js';
import { type Authority, authorityOf, type HttpAnswer, MachineHttp } from './swarm-http.js';
import { fetchByTftp } from './tftp-fetch.js';

/** The parts of a boot, in order. */
export const BOOT_PARTS = ['dhcp', 'boot file', 'script', 'session', 'order', 'reports', 'result'] as const;
export type BootPart = (typeof BOOT_PARTS)[number];

export interface Boot {
  machine: string;
  /** From its first DISCOVER. */
  durationMs: number;
  partsMs: Partial<Record<BootPart, number>>;
  address: string | null;
  /** Who the server says that it is. */
  serverId: string | null;
  wholeBootFile: boolean;
  /** Null: it was served to the end. */
  failure: string | null;
}

export interface BootWorld {
  relay: DhcpRelay;
  wholeBootFile: (machine: SimulatedMachine) => boolean;
  onRetry: (kind: 'dhcp' | 'tftp' | 'http') => void;
  nowMs: () => number;
}

const sessionReply = z.object({ token: z.string(), machine: z.object({ id: z.string(), name: z.string() }) });
const order = z.object({ id: z.string(), kind: z.string() });

/** One machine from its first packet to the end of its agent's work. Never rejects: what went wrong is in the result. */
export async function bootMachine(machine: SimulatedMachine, world: BootWorld): Promise<Boot> {
  const boot: Boot = {
    machine: machine.name,
    durationMs: 0,
    partsMs: {},
    address: null,
    serverId: null,
    wholeBootFile: world.wholeBootFile(machine),
    failure: null,
  };
  const began = world.nowMs();
  let part: BootPart = 'dhcp';
  const course = new Course(machine, world, boot);
  try {
    for (part of BOOT_PARTS) {
      const partBegan = world.nowMs();
      await course.steps[part]();
      boot.partsMs[part] = world.nowMs() - partBegan;
    }
  } catch (error) {
    boot.failure = `${part}: ${error instanceof Error ? error.message : String(error)}`;
  } finally {
    course.close();
  }
  boot.durationMs = world.nowMs() - began;
  return boot;
}

/** What one part of the boot finds out, later parts use. */
class Course {
  private http: MachineHttp | null = null;
  private bootFile = '';
  private nextServer = '';
  private script = '';
  private agentUrl = '';
  private authority: Authority | null = null;
  private token: string | null = null;
  private orderId = '';

  constructor(
    private readonly machine: SimulatedMachine,
    private readonly world: BootWorld,
    private readonly boot: Boot,
  ) {}

  readonly steps: Record<BootPart, () => Promise<void>> = {
    dhcp: () => this.getAddress(),
    'boot file': () => this.fetchBootFile(),
    script: () => this.fetchScript(),
    session: () => this.openSession(),
    order: () => this.takeOrder(),
    reports: () => this.report(),
    result: () => this.finish(),
  };

  close(): void {
    this.http?.close();
  }

  private async getAddress(): Promise<void> {
    const offer = await this.world.relay.lease(this.machine, 'firmware');
    this.boot.address = formatAddress(offer.address);
    this.bootFile = must(offer.bootFile, 'DHCP names no boot file');
    this.nextServer = formatAddress(offer.nextServer);
    this.http = new MachineHttp(this.boot.address, () => this.world.onRetry('http'));
  }

  private async fetchBootFile(): Promise<void> {
    await fetchByTftp({
      from: must(this.boot.address, 'it has no address'),
      server: this.nextServer,
      name: this.bootFile,
      whole: this.boot.wholeBootFile,
      onRetry: () => this.world.onRetry('tftp'),
    });
  }

  /** iPXE asks for an address anew, and is told the script's. */
  private async fetchScript(): Promise<void> {
    const offer = await this.world.relay.lease(this.machine, 'ipxe');
    const address = formatAddress(offer.address);
    if (address !== this.boot.address) throw new MusterError('conflict', `its address changed to ${address}`);
    this.script = (await this.get(must(offer.bootFile, 'DHCP names no script'))).body;
  }

  private async openSession(): Promise<void> {
    const { agentUrl, bootUrl, caSha256, nonce } = readBootScript(this.script);
    this.agentUrl = agentUrl;
    this.authority = authorityOf((await this.get(`${bootUrl}/boot/ca.pem`)).body, caSha256);
    const { mac, uuid } = this.machine;
    const answer = await this.call('POST', '/agent/v1/session', {
      ...{ nonce, uuid, macs: [mac], bootMac: mac },
      ...{ architecture: 'amd64', firmware: 'bios', agentVersion: 'swarm' },
    });
    const session = sessionReply.parse(JSON.parse(answer.body));
    this.token = session.token;
    this.boot.serverId = session.machine.id;
  }

  private async takeOrder(): Promise<void> {
    const answer = await this.call('GET', '/agent/v1/order?wait=25');
    if (answer.status !== 200) throw new MusterError('conflict', `it was given no order (status ${answer.status})`);
    const { id, kind } = order.parse(JSON.parse(answer.body));
    if (kind !== 'facts') throw new MusterError('conflict', `it was told to ${kind}`);
    this.orderId = id;
  }

  private async report(): Promise<void> {
    for (const percent of [10, 50, 90]) {
      await this.call('POST', `/agent/v1/orders/${this.orderId}/progress`, { percent, message: `at ${percent} %` });
    }
  }

  private async finish(): Promise<void> {
    const facts = factsOf(this.machine);
    await this.call('POST', `/agent/v1/orders/${this.orderId}/result`, { ok: true, output: { facts } });
  }

  private async get(url: string): Promise<HttpAnswer> {
    const answer = await must(this.http, 'it has no address').get(url);
    if (answer.status === 200) return answer;
    throw new MusterError('conflict', `status ${answer.status}: ${answer.body.slice(0, 200).trim()}`);
  }

  private async call(method: 'GET' | 'POST', path: string, body?: unknown): Promise<HttpAnswer> {
    const authority = must(this.authority, 'it knows no authority');
    const { token } = this;
    const answer = await must(this.http, 'it has no address').callAgent(`${this.agentUrl}${path}`, authority, {
      ...{ method, token, body },
    });
    if (answer.status < 400) return answer;
    throw new MusterError(
      'conflict',
      `${path.slice(0, 30)}: status ${answer.status}: ${answer.body.slice(0, 200).trim()}`,
    );
  }
}

function must<Value>(value: Value | null, problem: string): Value {
  if (value === null) throw new MusterError('invalid', problem);
  return value;
}
