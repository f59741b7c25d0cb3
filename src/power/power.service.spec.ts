import { beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../platform/clock.js';
import { PowerDriverRegistry } from './driver-registry.js';
import { PowerError } from './power-error.js';
import { PowerService } from './power.service.js';
import type { PowerDriver, PowerParameter, PowerState } from './power.js';

/** Time jumps to whatever is slept for; calls to drivers take none, unless the driver never answers. */
class JumpingClock implements Clock {
  readonly slept: number[] = [];
  private ms = 0;

  now(): Date {
    return new Date(this.ms);
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    // Long enough for every promise of a driver that does answer.
    await new Promise((resolve) => setTimeout(resolve, 5));
    signal?.throwIfAborted();
    this.slept.push(ms);
    this.ms += ms;
  }
}

/** Does what its script says, one entry a call; the last entry stays. */
class ScriptedDriver implements PowerDriver {
  readonly calls: string[] = [];

  constructor(
    readonly name = 'scripted',
    readonly parameters: readonly PowerParameter[] = [],
  ) {}

  switches: (() => Promise<void>)[] = [() => Promise.resolve()];
  states: PowerState[] = ['on'];

  on = () => this.switch('on');
  off = () => this.switch('off');
  cycle = () => this.switch('cycle');
  bootOnceFromNetwork = () => Promise.resolve(true);
  uuid = () => Promise.resolve(null);

  status(): Promise<PowerState> {
    this.calls.push('status');
    return Promise.resolve((this.states.length > 1 ? this.states.shift() : this.states[0]) ?? 'unknown');
  }

  private switch(what: string): Promise<void> {
    this.calls.push(what);
    const next = this.switches.length > 1 ? this.switches.shift() : this.switches[0];
    return next?.() ?? Promise.resolve();
  }
}

const unreachable = () => Promise.reject(new PowerError('unreachable', 'cannot reach 10.0.0.9'));
const works = () => Promise.resolve();
let clock: JumpingClock;
let driver: ScriptedDriver;
let service: PowerService;

beforeEach(() => {
  clock = new JumpingClock();
  driver = new ScriptedDriver();
  service = new PowerService(
    { powerTarget: (machineId) => Promise.resolve({ machineId, driver: 'scripted', parameters: {} }) },
    new PowerDriverRegistry([driver]),
    clock,
  );
});

describe('switching', () => {
  it('ends at the first try where all is well', async () => {
    await service.on('m1');
    expect(driver.calls).toEqual(['on', 'status']);
    expect(clock.slept).toEqual([]);
  });

  it('waits 4, 8, 16 and 32 s between attempts, then says why', async () => {
    driver.switches = [unreachable];
    await expect(service.on('m1')).rejects.toThrow(
      'cannot power on m1 by scripted in 5 attempts: cannot reach 10.0.0.9',
    );
    expect(clock.slept).toEqual([4_000, 8_000, 16_000, 32_000]);
  });

  it('goes on when a later attempt works', async () => {
    driver.switches = [unreachable, unreachable, works];
    driver.states = ['off'];
    await service.off('m1');
    expect(driver.calls).toEqual(['off', 'off', 'off', 'status']);
  });

  it('does not believe a switch before the machine says so', async () => {
    driver.states = ['off', 'off', 'on'];
    await service.on('m1');
    expect(driver.calls).toEqual(['on', 'status', 'status', 'status']);
    expect(clock.slept).toEqual([2_000, 2_000]);
  });

  it('switches again when the machine stays as it was, and gives up in the end', async () => {
    driver.states = ['off'];
    await expect(service.cycle('m1')).rejects.toThrow(/took the command but says "off" after 60 s/);
    expect(driver.calls.filter((call) => call === 'cycle')).toHaveLength(5);
  });

  it('takes the word of a driver that cannot see the state', async () => {
    driver.states = ['unknown'];
    await service.off('m1');
    expect(driver.calls).toEqual(['off', 'status']);
  });

  it.each(['misconfigured', 'needs-operator'] as const)('does not try again when it is %s', async (failure) => {
    driver.switches = [() => Promise.reject(new PowerError(failure, 'cannot, and that is final'))];
    await expect(service.on('m1')).rejects.toMatchObject({ failure });
    expect(driver.calls).toEqual(['on']);
  });

  it('treats what a driver throws by mistake as a bad answer', async () => {
    driver.switches = [() => Promise.reject(new TypeError('x is undefined')), works];
    await service.on('m1');
    expect(clock.slept).toEqual([4_000]);
  });

  it('ends a call that never answers', async () => {
    driver.switches = [() => new Promise(() => undefined), works];
    await service.on('m1');
    expect(clock.slept.slice(0, 2)).toEqual([30_000, 4_000]);
  });

  it('stops at once when the caller cancels', async () => {
    const cancelled = new AbortController();
    driver.switches = [
      () => {
        cancelled.abort(new Error('cancelled by ada'));
        return unreachable();
      },
    ];
    await expect(service.on('m1', cancelled.signal)).rejects.toThrow('cancelled by ada');
    expect(driver.calls).toEqual(['on']);
  });
});

describe('the registry', () => {
  const registry = new PowerDriverRegistry([
    new ScriptedDriver('bmc', [
      { name: 'host', required: true, secret: false, summary: '' },
      { name: 'password', required: true, secret: true, summary: '' },
    ]),
  ]);

  it('names every problem of the parameters at once', () => {
    expect(() => registry.validate('bmc', { hots: 'a', password: 'x\ny' })).toThrow(
      'unknown parameter "hots"; "host" is missing; "password" is not plain text',
    );
  });

  it('knows which parameters are secret', () => {
    expect(registry.splitSecrets('bmc', { host: 'h', password: 'p' })).toEqual({
      open: { host: 'h' },
      secret: { password: 'p' },
    });
  });

  it('names the drivers when asked for one that is not there', () => {
    expect(() => registry.getDriver('bcm')).toThrow(expect.objectContaining({ hint: 'drivers: bmc' }));
  });

  it('refuses two drivers of one name', () => {
    expect(() => new PowerDriverRegistry([driver, driver])).toThrow(/twice/);
  });
});
