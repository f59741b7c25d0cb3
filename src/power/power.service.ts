import { messageOf } from '../error.js';
import type { Clock } from '../platform/clock.js';
import type { PowerDriverRegistry } from './driver-registry.js';
import { PowerError } from './power-error.js';
import type { PowerDriver, PowerState, PowerTarget } from './power.js';

/** Where power records live; throws when the machine has none. */
export interface PowerRecordReader {
  powerTarget(machineId: string): Promise<PowerTarget>;
}

/** How long the service waits for a controller. All in milliseconds. */
export interface PowerPatience {
  /** Between attempts, one after another; their number is the number of retries. */
  retryWaitsMs: readonly number[];
  /** One call to a driver. */
  callMs: number;
  /** From a switch until the machine must report its new state. */
  settleMs: number;
  /** Between two looks at the state. */
  pollMs: number;
}

/** Controllers restart, lose sessions and answer "busy" for most of a minute: hence the long waits. */
export const DEFAULT_PATIENCE: PowerPatience = {
  retryWaitsMs: [4_000, 8_000, 16_000, 32_000],
  callMs: 30_000,
  settleMs: 60_000,
  pollMs: 2_000,
};

type Verb =
  'power on' | 'power off' | 'power cycle' | 'read the power state of' | 'set the boot device of' | 'identify';

/**
 * Switches machines and reads their state through their drivers: bounded, retried, and never believing that a switch
 * worked before the machine says so. Every method throws PowerError.
 */
export class PowerService {
  constructor(
    private readonly records: PowerRecordReader,
    private readonly drivers: PowerDriverRegistry,
    private readonly clock: Clock,
    private readonly patience: PowerPatience = DEFAULT_PATIENCE,
  ) {}

  /** Resolves once the machine reports that it is on (or at once where the driver cannot tell). */
  async on(machineId: string, signal?: AbortSignal): Promise<void> {
    await this.retried(machineId, 'power on', signal, async (call) => {
      await call((driver, target, bounded) => driver.on(target, bounded));
      await this.settle(call, 'on', signal);
    });
  }

  async off(machineId: string, signal?: AbortSignal): Promise<void> {
    await this.retried(machineId, 'power off', signal, async (call) => {
      await call((driver, target, bounded) => driver.off(target, bounded));
      await this.settle(call, 'off', signal);
    });
  }

  /** A machine that was on is reset; one that was off is switched on. */
  async cycle(machineId: string, signal?: AbortSignal): Promise<void> {
    await this.retried(machineId, 'power cycle', signal, async (call) => {
      await call((driver, target, bounded) => driver.cycle(target, bounded));
      await this.settle(call, 'on', signal);
    });
  }

  /** Tried twice only: whoever asks for the state is waiting for it. */
  status(machineId: string, signal?: AbortSignal): Promise<PowerState> {
    const waitsMs = this.patience.retryWaitsMs.slice(0, 1);
    return this.retried(
      machineId,
      'read the power state of',
      signal,
      (call) => call((driver, target, bounded) => driver.status(target, bounded)),
      waitsMs,
    );
  }

  /** False where the driver cannot: the machine's own boot order then has to have the network first. */
  bootOnceFromNetwork(machineId: string, signal?: AbortSignal): Promise<boolean> {
    return this.retried(machineId, 'set the boot device of', signal, (call) =>
      call((driver, target, bounded) => driver.bootOnceFromNetwork(target, bounded)),
    );
  }

  /** The SMBIOS UUID, lower case with dashes; null where the driver cannot tell it. */
  uuid(machineId: string, signal?: AbortSignal): Promise<string | null> {
    return this.retried(machineId, 'identify', signal, (call) =>
      call((driver, target, bounded) => driver.uuid(target, bounded)),
    );
  }

  private async retried<T>(
    machineId: string,
    verb: Verb,
    signal: AbortSignal | undefined,
    attempt: (call: Call) => Promise<T>,
    waitsMs: readonly number[] = this.patience.retryWaitsMs,
  ): Promise<T> {
    const target = await this.records.powerTarget(machineId);
    this.drivers.validate(target.driver, target.parameters);
    const driver = this.drivers.getDriver(target.driver);
    const call: Call = (act) => this.bounded((bounded) => act(driver, target, bounded), signal);
    for (let tried = 1; ; tried += 1) {
      try {
        return await attempt(call);
      } catch (thrown) {
        signal?.throwIfAborted();
        const failure = asPowerError(thrown);
        const waitMs = waitsMs[tried - 1];
        if (!failure.transient || waitMs === undefined) throw explained(failure, machineId, verb, driver.name, tried);
        await this.clock.sleep(waitMs, signal);
      }
    }
  }

  /** Ends a call when its time is up or its caller cancels, also where the driver does not listen to its signal. */
  private async bounded<T>(act: (signal: AbortSignal) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const expiry = new AbortController();
    const done = new AbortController();
    const bounded = signal === undefined ? expiry.signal : AbortSignal.any([signal, expiry.signal]);
    const aborted = new Promise<never>((_, reject) => {
      const stop = () => reject(bounded.reason as Error);
      if (bounded.aborted) stop();
      else bounded.addEventListener('abort', stop, { once: true });
    });
    const seconds = Math.round(this.patience.callMs / 1000);
    this.clock.sleep(this.patience.callMs, done.signal).then(
      () => expiry.abort(new PowerError('unreachable', `cannot wait longer than ${seconds} s for the power driver`)),
      () => undefined, // the call ended first
    );
    try {
      return await Promise.race([act(bounded), aborted]);
    } finally {
      done.abort();
    }
  }

  private async settle(call: Call, wanted: 'on' | 'off', signal: AbortSignal | undefined): Promise<void> {
    const deadline = this.clock.now().getTime() + this.patience.settleMs;
    for (;;) {
      const state = await call((driver, target, bounded) => driver.status(target, bounded));
      if (state === wanted || state === 'unknown') return;
      if (this.clock.now().getTime() >= deadline) {
        const seconds = Math.round(this.patience.settleMs / 1000);
        throw new PowerError(
          'refused',
          `cannot switch the machine ${wanted}: it took the command but says "${state}" after ${seconds} s`,
        );
      }
      await this.clock.sleep(this.patience.pollMs, signal);
    }
  }
}

type Call = <T>(act: (driver: PowerDriver, target: PowerTarget, signal: AbortSignal) => Promise<T>) => Promise<T>;

/** What a driver throws by mistake is treated as a bad answer, never as success. */
function asPowerError(thrown: unknown): PowerError {
  return thrown instanceof PowerError ? thrown : new PowerError('refused', messageOf(thrown), { cause: thrown });
}

function explained(failure: PowerError, machineId: string, verb: Verb, driver: string, tried: number): PowerError {
  const times = tried === 1 ? '' : ` in ${tried} attempts`;
  const hint = failure.hint ?? hintOf(failure);
  return new PowerError(failure.failure, `cannot ${verb} ${machineId} by ${driver}${times}: ${failure.message}`, {
    cause: failure,
    ...(hint === undefined ? {} : { hint }),
  });
}

function hintOf(failure: PowerError): string | undefined {
  switch (failure.failure) {
    case 'unreachable':
      return "check that the controller's address answers from this server and that nothing filters its port";
    case 'refused':
      return "look at the controller's own event log; `muster machines power NAME status` asks again";
    case 'misconfigured':
      return 'correct the power record: `muster machines set-power NAME`';
    case 'needs-operator':
      return undefined;
  }
}
