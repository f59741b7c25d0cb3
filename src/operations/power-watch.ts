import { messageOf } from '../error.js';
import type { MachinesService, PowerReadings, PowerStateRead } from '../machines/index.js';
import type { Clock } from '../platform/clock.js';
import type { Logger } from '../platform/log/index.js';
import type { PowerService } from '../power/index.js';

export interface PowerWatchParts {
  machines: MachinesService;
  readings: PowerReadings;
  power: Pick<PowerService, 'status'>;
  clock: Clock;
  log: Logger;
}

/** Looked at together: controllers are slow, and many share one small network. */
const AT_ONCE = 8;
const LONGEST_ROUND_MS = 5000;

/**
 * Asks every machine's power driver now and then whether it is on, and notes where a deployed machine went off. Several
 * may run: each look is claimed first.
 */
export class PowerWatch {
  private readonly stopped = new AbortController();
  private loop: Promise<void> | null = null;

  constructor(
    private readonly parts: PowerWatchParts,
    private readonly everyMs: number,
  ) {}

  start(): void {
    this.loop = this.run();
  }

  async stop(): Promise<void> {
    this.stopped.abort(new Error('the power watch stops'));
    await this.loop;
  }

  /** Looks at up to eight machines whose turn it is. Gives how many. */
  async look(): Promise<number> {
    const { clock, readings } = this.parts;
    const now = clock.now();
    const due = await readings.claimDue(now, new Date(now.getTime() - this.everyMs), AT_ONCE);
    await Promise.all(due.map((machineId) => this.read(machineId)));
    return due.length;
  }

  private async run(): Promise<void> {
    const { clock, log } = this.parts;
    const { signal } = this.stopped;
    while (!signal.aborted) {
      const looked = await this.look().catch((error: unknown) => {
        if (!signal.aborted) log.warn({ reason: messageOf(error) }, 'cannot look at the power of machines now');
        return 0;
      });
      const pauseMs = looked === AT_ONCE ? 0 : Math.min(this.everyMs, LONGEST_ROUND_MS);
      await clock.sleep(pauseMs, signal).catch(() => undefined);
    }
  }

  private async read(machineId: string): Promise<void> {
    const { readings, clock } = this.parts;
    const state = await this.stateOf(machineId);
    if (this.stopped.signal.aborted) return;
    const before = await readings.keep(machineId, state, clock.now());
    if (before === 'on' && state === 'off') await this.tellIfDeployed(machineId);
  }

  /** A controller that does not answer makes the state unknown; why is told by `machines power status`. */
  private async stateOf(machineId: string): Promise<PowerStateRead> {
    return this.parts.power.status(machineId, this.stopped.signal).catch(() => 'unknown');
  }

  private async tellIfDeployed(machineId: string): Promise<void> {
    const { machines } = this.parts;
    const { state } = await machines.get(machineId);
    if (state !== 'deployed') return;
    const message = 'its power is off, although it is deployed';
    await machines.changes.event(machineId, { kind: 'power', level: 'warning', message, actor: 'muster' });
  }
}
