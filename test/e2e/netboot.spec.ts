import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BootSession, MachineDetail } from '../../src/api/contract/index.js';
import type { MachineSpec } from '../../src/lab/index.js';
import { BOOT_STAGES } from '../../src/machines/boot-stages.js';
import { BOOT_MS, type Facts, NetbootRack } from '../support/netboot-rack.js';

/** The built server, real firmware, and everything between them: DHCP, TFTP, HTTP, the kernel of real machines, the agent. */
const namespace = `muster-e2e-net-${process.pid}`;
let lab: NetbootRack;

beforeAll(async () => {
  lab = await NetbootRack.create(namespace);
  await lab.startServer();
  await lab.muster('images', 'build', 'memory', '--kernel', 'generic');
  await lab.muster(
    ...['subnets', 'create', 'e2e', '10.99.0.0/24', '--gateway', '10.99.0.1', '--mode', 'serve'],
    ...['--range', '10.99.0.100-10.99.0.199'],
  );
}, 900_000);
afterAll(async () => {
  await lab.destroy();
  expect(existsSync(`/run/netns/${namespace}`)).toBe(false);
  expect(existsSync(lab.rack.dir)).toBe(false);
}, 120_000);

interface Booted {
  machine: MachineDetail & { facts: Facts };
  log: BootSession;
}

/** The furthest stage after each event, without repetition: a boot goes forward. */
function stagesOf(log: BootSession): string[] {
  return [...new Set(log.events.map((event) => event.stage))].filter((stage) =>
    (BOOT_STAGES as readonly string[]).includes(stage),
  );
}

function filesOf(log: BootSession): string[] {
  return log.events.filter((event) => event.stage === 'boot file').map((event) => String(event.details['file']));
}

const WAY_UP = ['dhcp offer', 'dhcp ack', 'boot file', 'script', 'kernel', 'initrd', 'agent'];
/** The boot ROM of QEMU's cards is iPXE itself: it needs no boot file. */
const IPXE_WAY_UP = WAY_UP.filter((stage) => stage !== 'boot file');

async function enlisted(name: string): Promise<Booted> {
  const machine = await lab.until(name, 'its facts', async () => {
    const found = await lab.find(name);
    return found?.facts == null ? null : { ...found, facts: found.facts };
  });
  await lab.until(name, 'the end of its power', async () => (await lab.powerStatus(name)) === 'off');
  return { machine, log: (await lab.bootLog(name))! };
}

describe('machines that nobody knows, when they are switched on', () => {
  const specs: MachineSpec[] = [
    { name: 'bios', firmware: 'bios', memoryMegabytes: 512 },
    { name: 'uefi', firmware: 'uefi', memoryMegabytes: 640 },
  ];
  const booted = new Map<string, Booted>();

  beforeAll(async () => {
    for (const spec of specs) await lab.addMachine(spec);
    await Promise.all(specs.map(({ name }) => lab.press(name, 'on')));
    for (const { name } of specs) booted.set(name, await enlisted(name));
  }, 2 * BOOT_MS);

  it.each([
    ['bios', 'iPXE in its boot ROM', IPXE_WAY_UP, []],
    ['uefi', 'snponly.efi by TFTP', WAY_UP, ['snponly.efi']],
  ] as const)('%s: comes up by way of %s, and is enlisted', (name, _, stages, bootFiles) => {
    const { machine, log } = booted.get(name)!;
    expect(machine).toMatchObject({ state: 'new', accepted: false, architecture: 'amd64' });
    expect(machine.facts).toMatchObject({
      architecture: 'amd64',
      firmware: { mode: name, secureBoot: name === 'uefi' ? false : null },
      nics: [{ driver: 'virtio_net', link: true, boot: true, mac: machine.macs[0] }],
      disks: [{ name: 'vda', bus: 'virtio', sizeBytes: 8 * 2 ** 30, serial: `${name}-d0` }],
      virtualization: 'qemu',
    });
    expect(machine.uuid).toBe(lab.rack.machines.find((each) => each.name === name)!.uuid);
    expect(stagesOf(log)).toEqual(stages);
    expect([...new Set(filesOf(log))]).toEqual(bootFiles);
  });
});

describe('a stranger and a machine whose power address was told', () => {
  let http: Booted;
  let told: Booted;

  beforeAll(async () => {
    await lab.muster('accept-rules', 'create', 'told', 'declared');
    await lab.addMachine({ name: 'http', firmware: 'uefi', boot: 'http', memoryMegabytes: 640 });
    const { name, socket } = await lab.addMachine({
      ...{ name: 'told', firmware: 'bios', nic: 'e1000', memoryMegabytes: 512 },
      disks: [
        { bus: 'ahci', sizeGigabytes: 4 },
        { bus: 'nvme', sizeGigabytes: 6 },
      ],
    });
    await lab.muster('machines', 'declare', name, '--power', 'qemu', '-p', `socket=${socket}`);
    const commissioned = lab.muster('machines', 'commission', name);
    await lab.press('http', 'on');
    http = await enlisted('http');
    await commissioned;
    told = { machine: await lab.muster('machines', 'show', name), log: (await lab.bootLog(name))! };
  }, 3 * BOOT_MS);

  it('boot by UEFI HTTP boot', () => {
    expect(http.machine).toMatchObject({ state: 'new', accepted: false });
    expect(http.machine.facts).toMatchObject({ firmware: { mode: 'uefi' }, nics: [{ driver: 'virtio_net' }] });
    expect(stagesOf(http.log)).toEqual(WAY_UP);
    expect([...new Set(filesOf(http.log))]).toEqual(['snponly.efi']);
    const [offer] = http.log.events;
    expect(offer?.message).toMatch(/http:\/\/10\.99\.0\.1:7480\/boot\/files\/snponly\.efi$/);
  });

  it('boot with a card and disks that need drivers of their own, are commissioned and switched off', async () => {
    const { machine, log } = told;
    expect(machine).toMatchObject({ name: 'told', state: 'ready', accepted: true, failed: false });
    expect(machine.facts).toMatchObject({ firmware: { mode: 'bios' }, nics: [{ driver: 'e1000', boot: true }] });
    const disks = machine.facts.disks.map((disk) => `${disk.name} ${disk.serial} ${disk.sizeBytes / 2 ** 30}`).sort();
    expect(disks).toEqual(['nvme0n1 told-d1 6', 'sda told-d0 4']);
    expect(stagesOf(log)).toEqual(IPXE_WAY_UP);
    expect(await lab.powerStatus('told')).toBe('off');
  });
});
