import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Rack, type RackMachine } from '../../src/lab/index.js';
import { systemClock } from '../../src/platform/clock.js';
import { runProcess } from '../../src/platform/process/index.js';
import { PowerDriverRegistry, PowerService, QemuPowerDriver } from '../../src/power/index.js';

const namespace = `muster-e2e-rack-${process.pid}`;
const dir = join(mkdtempSync(join(tmpdir(), 'muster-rack-')), 'rack');
const machines = new Map<string, RackMachine>();
const power = new PowerService(
  {
    powerTarget: (machineId) =>
      Promise.resolve({ machineId, driver: 'qemu', parameters: { socket: machines.get(machineId)!.socket } }),
  },
  new PowerDriverRegistry([new QemuPowerDriver()]),
  systemClock,
);
let rack: Rack;
let interfacesBefore: string[];

async function interfaces(): Promise<string[]> {
  const { stdout } = await runProcess(['ip', '-j', 'link']);
  return (JSON.parse(stdout) as { ifname: string }[]).map((each) => each.ifname);
}

beforeAll(async () => {
  interfacesBefore = await interfaces();
  rack = await Rack.create({ name: namespace, dir });
  for (const firmware of ['bios', 'uefi'] as const) {
    machines.set(firmware, await rack.addMachine({ name: firmware, firmware, memoryMegabytes: 256 }));
  }
});
afterAll(async () => {
  if (Rack.existsIn(dir)) await Rack.open(dir).destroy();
});

async function untilSerialSays(machine: RackMachine, pattern: RegExp, from = 0): Promise<void> {
  for (let waited = 0; waited < 60_000; waited += 100) {
    if (pattern.test(serialOf(machine).slice(from))) return;
    await systemClock.sleep(100);
  }
  throw new Error(
    `the serial log of ${machine.name} never matched ${String(pattern)}: ${serialOf(machine).slice(-500)}`,
  );
}

function serialOf(machine: RackMachine): string {
  return existsSync(machine.serialLog) ? readFileSync(machine.serialLog, 'latin1') : '';
}

describe.each([
  ['bios', /SeaBIOS/],
  ['uefi', /PXE|BdsDxe/],
] as const)('a %s machine of the rack', (name, hello) => {
  it('stands powered off', async () => {
    expect(await power.status(name)).toBe('off');
    await systemClock.sleep(500);
    expect(serialOf(machines.get(name)!)).toBe('');
  });

  it('tells its SMBIOS UUID and boots from the network first', async () => {
    expect(await power.uuid(name)).toBe(machines.get(name)!.uuid);
    expect(await power.bootOnceFromNetwork(name)).toBe(true);
  });

  it('runs its firmware when powered on, and again after a cycle', async () => {
    const machine = machines.get(name)!;
    await power.on(name);
    expect(await power.status(name)).toBe('on');
    await untilSerialSays(machine, hello);
    const written = serialOf(machine).length;
    await power.cycle(name);
    expect(await power.status(name)).toBe('on');
    await untilSerialSays(machine, hello, written);
  });

  it('is silent when powered off', async () => {
    await power.off(name);
    expect(await power.status(name)).toBe('off');
    const written = serialOf(machines.get(name)!).length;
    await systemClock.sleep(1_000);
    expect(serialOf(machines.get(name)!).length).toBe(written);
  });
});

it('refuses a second rack in its folder and of its name', async () => {
  await expect(Rack.create({ name: `${namespace}-2`, dir })).rejects.toThrow(/there is one in/);
  await expect(Rack.create({ name: namespace, dir: `${dir}-2` })).rejects.toThrow(/network namespace/);
});

it('leaves no process, namespace, interface or file when another process takes it down', async () => {
  const pids = rack.processes.map((each) => each.pid);
  expect(pids).toHaveLength(2);
  // Nobody recorded this one, and it begins another when it is told to end, as a server does with its datastores.
  const stubborn = `trap 'setsid sleep 86397.${process.pid} & exit' TERM; echo ready; sleep 60 & wait`;
  const server = spawn('ip', ['netns', 'exec', namespace, 'sh', '-c', stubborn], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(server.stdout, 'data');
  await Rack.open(dir).destroy();
  expect((await runProcess(['pgrep', '-f', `sleep 86397.${process.pid}`], { allow: [0, 1] })).stdout).toBe('');
  expect(pids.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
  expect((await runProcess(['ip', 'netns', 'list'])).stdout).not.toContain(namespace);
  expect(await interfaces()).toEqual(interfacesBefore);
  expect(existsSync(dir)).toBe(false);
});
