import { setTimeout as sleep } from 'node:timers/promises';
import type { Seed } from '../../src/machines/index.js';
import type { PowerService } from '../../src/power/index.js';
import type { BootServer } from './boot-server.js';
import { FakeAgent, type FakeMachine } from './fake-agent.js';

/**
 * A machine with a power switch: switched on, it asks for its boot script and does what the script says, over real
 * sockets, until it is switched off. What it did is kept, in order.
 */
export class ScriptedMachine {
  readonly did: string[] = [];
  private power = 0;
  private isOn = false;
  /** Its installed system answers SSH now. */
  isUp = false;
  private running: Promise<void> = Promise.resolve();
  /** What its last install had for cloud-init. */
  userData = '';
  /** Where the seed of its last install told it to phone. */
  private phoneHomeUrl = '';

  constructor(
    private readonly server: BootServer,
    readonly machine: FakeMachine,
    private readonly options: { isDeaf?: boolean } = {},
  ) {}

  on(): void {
    if (!this.isOn) this.start();
  }

  off(): void {
    this.did.push('off');
    this.power += 1;
    this.isOn = false;
    this.isUp = false;
  }

  cycle(): void {
    this.did.push('cycle');
    this.start();
  }

  get state(): 'on' | 'off' {
    return this.isOn ? 'on' : 'off';
  }

  /** Resolves when whatever it was doing has ended. */
  async stop(): Promise<void> {
    this.off();
    await this.running;
  }

  private start(): void {
    this.power += 1;
    this.isOn = true;
    this.isUp = false;
    const power = this.power;
    this.running = this.boot(power).catch((error: unknown) => {
      if (power === this.power) this.did.push(`error: ${String(error)}`);
    });
  }

  private async boot(power: number): Promise<void> {
    if (this.options.isDeaf === true) return;
    const agent = new FakeAgent(this.server, this.machine);
    const script = await agent.script();
    const purpose = /muster\.purpose=(\S+)/.exec(script)?.[1];
    if (script.includes('starting from the local disk')) return this.startFromDisk();
    if (purpose === undefined) {
      this.did.push('boot: nothing');
      this.isOn = false;
      return;
    }
    this.did.push(`boot: ${purpose}`);
    const { status, text } = await agent.open();
    if (status !== 200) throw new Error(`${status} ${text}`);
    while (power === this.power) {
      const order = await agent.nextOrder(1);
      if (order === 'over') {
        this.isOn = false;
        return;
      }
      if (order === 'nothing') continue;
      this.did.push(order.kind);
      if (order.kind === 'install') {
        this.userData = (order.parameters.seed as Seed).userData;
        this.phoneHomeUrl = /http:\/\/\S+phone-home/.exec(JSON.stringify(order.parameters))?.[0] ?? '';
      }
      await agent.carryOut(order);
      if (order.kind === 'reboot') return void setTimeout(() => this.start(), 50);
    }
  }

  private async startFromDisk(): Promise<void> {
    this.did.push('boot: disk');
    await sleep(100);
    if (this.phoneHomeUrl !== '') await fetch(this.phoneHomeUrl, { method: 'POST', body: 'instance_id=i' });
    this.isUp = true;
  }
}

/** A power service over scripted machines. */
export function powerOf(machines: ReadonlyMap<string, ScriptedMachine>): PowerService {
  const of = (id: string): ScriptedMachine => {
    const machine = machines.get(id);
    if (machine === undefined) throw new Error(`no machine ${id}`);
    return machine;
  };
  return {
    on: (id) => {
      of(id).on();
      return Promise.resolve();
    },
    off: (id) => {
      of(id).off();
      return Promise.resolve();
    },
    cycle: (id) => {
      of(id).cycle();
      return Promise.resolve();
    },
    status: (id) => Promise.resolve(of(id).state),
    bootOnceFromNetwork: () => Promise.resolve(true),
    uuid: (id) => Promise.resolve(of(id).machine.uuid),
  } satisfies Pick<PowerService, keyof PowerService> as unknown as PowerService;
}
