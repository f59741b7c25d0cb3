import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/platform/clock.js';
import { runProcess } from '../../src/platform/process/index.js';
import {
  IpmiPowerDriver,
  PowerDriverRegistry,
  PowerService,
  QemuPowerDriver,
  RedfishPowerDriver,
} from '../../src/power/index.js';

const UUID = '8f9e1a52-4c3b-4d21-9a7e-6f5d4c3b2a19';
const dir = mkdtempSync(join(tmpdir(), 'muster-power-'));
const children: ChildProcess[] = [];

afterAll(async () => {
  for (const child of children) {
    const closed = new Promise((resolve) => child.once('close', resolve));
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) await closed;
  }
  rmSync(dir, { recursive: true, force: true });
});

function start(argv: string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): ChildProcess {
  const [program = '', ...args] = argv;
  const child = spawn(program, args, { stdio: 'ignore', ...options });
  children.push(child);
  return child;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Impatient, so that a wrong answer fails the test soon. */
function serviceFor(driver: string, parameters: Record<string, string>): PowerService {
  return new PowerService(
    { powerTarget: (machineId) => Promise.resolve({ machineId, driver, parameters }) },
    new PowerDriverRegistry([
      new QemuPowerDriver(),
      new IpmiPowerDriver(),
      new RedfishPowerDriver({ allowLocal: true }),
    ]),
    systemClock,
    { retryWaitsMs: [500], callMs: 20_000, settleMs: 20_000, pollMs: 100 },
  );
}

/** What every controller must do, whoever made it. */
async function switchesAndTells(power: PowerService): Promise<void> {
  await power.off('m1');
  expect(await power.status('m1')).toBe('off');
  await power.on('m1');
  expect(await power.status('m1')).toBe('on');
  await power.on('m1');
  expect(await power.status('m1')).toBe('on');
  await power.cycle('m1');
  expect(await power.status('m1')).toBe('on');
  await power.off('m1');
  await power.cycle('m1');
  expect(await power.status('m1')).toBe('on');
}

describe('qemu', () => {
  const socket = join(dir, 'qmp.sock');
  let qemu: ChildProcess;

  beforeAll(async () => {
    qemu = start([
      ...['qemu-system-x86_64', '-nodefaults', '-no-user-config', '-display', 'none', '-accel', 'tcg', '-m', '32'],
      ...['-S', '-action', 'shutdown=pause', '-uuid', UUID, '-qmp', `unix:${socket},server=on,wait=off`],
    ]);
    for (let waited = 0; waited < 10_000 && !existsSync(socket); waited += 50) await systemClock.sleep(50);
  });

  it('switches and tells', () => switchesAndTells(serviceFor('qemu', { socket })));

  it('tells the UUID, and that a machine without a NIC does not boot from the network', async () => {
    const power = serviceFor('qemu', { socket });
    expect(await power.uuid('m1')).toBe(UUID);
    expect(await power.bootOnceFromNetwork('m1')).toBe(false);
  });

  it('says that QEMU is gone once it is', async () => {
    const closed = new Promise((resolve) => qemu.once('close', resolve));
    qemu.kill('SIGKILL');
    await closed;
    await expect(serviceFor('qemu', { socket }).status('m1')).rejects.toMatchObject({ failure: 'unreachable' });
  });

  it.each([
    ['no JSON', 'SSH-2.0-OpenSSH_9.2\n'],
    ['JSON that is not QMP', '[1,2,3]\n'],
    ['a line without an end', 'x'.repeat(3_000_000)],
  ])('does not trust a socket that sends %s', async (what, bytes) => {
    const path = join(dir, `${what.replaceAll(' ', '-')}.sock`);
    const server = createServer((connection) => {
      connection.on('error', () => undefined);
      connection.write(bytes);
    });
    await new Promise<void>((resolve) => server.listen(path, resolve));
    await expect(serviceFor('qemu', { socket: path }).status('m1')).rejects.toMatchObject({ failure: 'refused' });
    await new Promise((resolve) => server.close(resolve));
  });
});

describe("ipmi, against OpenIPMI's simulator", () => {
  const state = join(dir, 'chassis-power');
  const boot = join(dir, 'chassis-boot');
  let parameters: Record<string, string>;

  beforeAll(async () => {
    const port = await freePort();
    writeFileSync(state, '0');
    // ipmi_sim calls `PROGRAM get|set|check NAME [VALUE] …`.
    writeFileSync(
      join(dir, 'chassis'),
      `#!/bin/sh
verb=$1; shift
while [ $# -gt 0 ]; do
  case $verb:$1 in
    get:power) echo "power:$(cat ${state})" ;;
    get:boot) echo "boot:$(cat ${boot} 2>/dev/null || echo default)" ;;
    set:power) printf %s "$2" >${state}; shift ;;
    set:boot) printf %s "$2" >${boot}; shift ;;
    set:*) shift ;;
  esac
  shift
done
`,
    );
    chmodSync(join(dir, 'chassis'), 0o755);
    writeFileSync(
      join(dir, 'lan.conf'),
      `name "bmc"
set_working_mc 0x20
  startlan 1
    addr 127.0.0.1 ${port}
    priv_limit admin
    allowed_auths_admin none md2 md5 straight
    guid ${UUID.replaceAll('-', '')}
  endlan
  chassis_control "${join(dir, 'chassis')}"
  startnow false
  user 2 true "admin" "secret" admin 10 none md2 md5 straight
`,
    );
    writeFileSync(
      join(dir, 'sim.emu'),
      'mc_setbmc 0x20\nmc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr\nsel_enable 0x20 1000 0x0a\nmc_enable 0x20\n',
    );
    start(['ipmi_sim', '-c', 'lan.conf', '-f', 'sim.emu', '-s', join(dir, 'ipmi-state'), '-n'], { cwd: dir });
    parameters = { host: '127.0.0.1', port: String(port), user: 'admin', password: 'secret', 'cipher-suite': '3' };
    await systemClock.sleep(500);
  });

  it('switches and tells', async () => {
    await switchesAndTells(serviceFor('ipmi', parameters));
    expect(readFileSync(state, 'utf8')).toBe('1');
  });

  it('sets the next boot device', async () => {
    expect(await serviceFor('ipmi', parameters).bootOnceFromNetwork('m1')).toBe(true);
    expect(readFileSync(boot, 'utf8')).toBe('pxe');
  });

  it('tells the UUID', async () => {
    expect(await serviceFor('ipmi', parameters).uuid('m1')).toBe(UUID);
  });

  it('does not try again with a wrong password', async () => {
    const power = serviceFor('ipmi', { ...parameters, password: 'wrong' });
    await expect(power.status('m1')).rejects.toMatchObject({ failure: 'misconfigured' });
  });

  it('says that a controller does not answer', async () => {
    const power = serviceFor('ipmi', { ...parameters, port: String(await freePort()) });
    await expect(power.status('m1')).rejects.toMatchObject({ failure: 'unreachable' });
  });
});

describe("redfish, against OpenStack's emulator", () => {
  let parameters: Record<string, string>;
  let missing: string | null = null;

  beforeAll(async () => {
    const python = await emulatorPython().catch((error: unknown) => {
      missing = `PyPI is not reachable: ${String(error)}`;
      console.log(`skipped: the Redfish emulator cannot be installed; ${missing}`);
      return null;
    });
    if (python === null) return;
    const port = await freePort();
    const config = join(dir, 'emulator.conf');
    writeFileSync(
      config,
      `SUSHY_EMULATOR_FAKE_DRIVER = True
SUSHY_EMULATOR_STATE_DIR = '${dir}'
SUSHY_EMULATOR_FAKE_SYSTEMS = [{'uuid': '${UUID}', 'name': 'm1', 'power_state': 'Off', 'nics': [{'mac': '52:54:00:00:00:01', 'ip': '10.0.0.1'}]}]
`,
    );
    const emulator = join(python, '..', 'sushy-emulator');
    start([emulator, '--fake', '--config', config, '-i', '127.0.0.1', '-p', String(port)], { cwd: dir });
    parameters = { url: `http://127.0.0.1:${port}`, user: 'admin', password: 'secret' };
    await untilAnswers(`${parameters['url'] ?? ''}/redfish/v1/`);
  });

  it('switches and tells', async (test) => {
    test.skip(missing !== null, missing ?? '');
    await switchesAndTells(serviceFor('redfish', parameters));
  });

  it('sets the next boot device, once', async (test) => {
    test.skip(missing !== null, missing ?? '');
    expect(await serviceFor('redfish', parameters).bootOnceFromNetwork('m1')).toBe(true);
    const system = await fetch(`${parameters['url'] ?? ''}/redfish/v1/Systems/${UUID}`);
    expect(await system.json()).toMatchObject({ Boot: { BootSourceOverrideTarget: 'Pxe' } });
  });

  it('tells the UUID', async (test) => {
    test.skip(missing !== null, missing ?? '');
    expect(await serviceFor('redfish', parameters).uuid('m1')).toBe(UUID);
  });

  it('names the systems when asked for one that is not there', async (test) => {
    test.skip(missing !== null, missing ?? '');
    const power = serviceFor('redfish', { ...parameters, system: 'blade-7' });
    await expect(power.status('m1')).rejects.toMatchObject({
      failure: 'misconfigured',
      hint: expect.stringContaining(UUID) as string,
    });
  });
});

/** sushy-tools in a virtual environment of its own, kept between runs. Gives its Python. */
async function emulatorPython(): Promise<string> {
  const home = join(homedir(), '.cache/muster/redfish-emulator');
  const python = join(home, 'bin/python');
  const emulator = join(home, 'bin/sushy-emulator');
  if (existsSync(emulator)) return python;
  rmSync(home, { recursive: true, force: true });
  try {
    await runProcess(['python3', '-m', 'venv', home], { timeoutMs: 60_000 });
    await runProcess([python, '-m', 'pip', 'install', '-q', 'sushy-tools'], { timeoutMs: 180_000 });
  } catch (error) {
    rmSync(home, { recursive: true, force: true });
    throw error;
  }
  return python;
}

async function untilAnswers(url: string): Promise<void> {
  for (let waited = 0; waited < 30_000; waited += 200) {
    const answer = await fetch(url).catch(() => null); // not listening yet
    if (answer?.ok === true) return;
    await systemClock.sleep(200);
  }
  throw new Error(`${url} does not answer`);
}
