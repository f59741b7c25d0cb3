import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Image, Machine, MachineDetail, MachineEvent, RunDetail } from '../../src/api/contract/index.js';
import { diskFile } from '../../src/lab/rack/machine-spec.js';
import type { MachineSpec } from '../../src/lab/index.js';
import { runProcess } from '../../src/platform/process/index.js';
import { NetbootRack } from '../support/netboot-rack.js';

/** What the agent does to machines and their disks: on real firmware, through the built server, as one types it. */
const namespace = `muster-e2e-agent-${process.pid}`;
const dir = mkdtempSync(join(tmpdir(), 'muster-agent-'));
const key = join(dir, 'key');
const MEBIBYTE = 2 ** 20;
let lab: NetbootRack;

const SPECS: MachineSpec[] = [
  { name: 'flat', firmware: 'bios', memoryMegabytes: 768 },
  { name: 'lvm', firmware: 'uefi', memoryMegabytes: 768 },
  { name: 'small', firmware: 'bios', memoryMegabytes: 512, disks: [{ bus: 'virtio', sizeGigabytes: 1 }] },
  { name: 'diskless', firmware: 'bios', memoryMegabytes: 2048, disks: [] },
];

beforeAll(async () => {
  await runProcess(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', key]);
  lab = await NetbootRack.create(namespace);
  await lab.startServer();
  await lab.muster('images', 'build', 'memory', '--kernel', 'generic');
  await lab.muster(
    ...['subnets', 'create', 'e2e', '10.99.0.0/24', '--gateway', '10.99.0.1', '--mode', 'serve'],
    ...['--range', '10.99.0.100-10.99.0.199'],
  );
  await lab.muster('accept-rules', 'create', 'all', 'any');
  await lab.muster('images', 'build', 'debian@12');
}, 1_500_000);
afterAll(async () => {
  await lab.destroy();
  rmSync(dir, { recursive: true });
}, 120_000);

async function declare(spec: MachineSpec): Promise<void> {
  const { name, socket } = await lab.addMachine(spec);
  await lab.muster('machines', 'declare', name, '--power', 'qemu', '-p', `socket=${socket}`);
}

function show(name: string): Promise<MachineDetail> {
  return lab.muster('machines', 'show', name);
}

function deploy(name: string, ...options: string[]): Promise<unknown> {
  return lab.muster('machines', 'deploy', name, '--ssh-key', `${key}.pub`, '--yes', ...options);
}

/** As root of the machine; its host key must be one that muster knows of it. */
async function ssh(name: string, command: string, hostKeys?: readonly string[]): Promise<string> {
  const machine = await show(name);
  const known = join(dir, `known-${name}`);
  writeFileSync(known, (hostKeys ?? machine.hostKeys).map((each) => `${name} ${each}\n`).join(''));
  const options = ['StrictHostKeyChecking=yes', `UserKnownHostsFile=${known}`, `HostKeyAlias=${name}`, 'BatchMode=yes'];
  const flags = options.flatMap((option) => ['-o', option]);
  const argv = ['ssh', '-F', '/dev/null', '-i', key, ...flags, `root@${machine.address!}`, command];
  return (await lab.rack.exec(argv, { timeoutMs: 60_000 })).stdout.trim();
}

/** Gives the host keys of the SSH server that the agent started. */
async function rescue(name: string): Promise<string[]> {
  const run = await lab.muster<RunDetail>('machines', 'rescue', name, '--ssh-key', `${key}.pub`);
  const { note } = run.steps.find((step) => step.kind === 'machine.order')!;
  return note!.match(/ssh-ed25519 \S+/g)!;
}

/** Bytes of a machine's disk as the machine would read them. */
async function readDisk(name: string): Promise<string> {
  const raw = join(dir, `${name}.raw`);
  await runProcess(['qemu-img', 'convert', '-U', '-O', 'raw', diskFile(lab.machine(name), 0), raw]);
  return raw;
}

async function hashOfDisk(name: string): Promise<string> {
  const raw = await readDisk(name);
  const { stdout } = await runProcess(['sha256sum', raw]);
  rmSync(raw);
  return stdout.slice(0, 64);
}

function bytesAt(file: string, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  const descriptor = openSync(file, 'r');
  readSync(descriptor, bytes, 0, length, position);
  closeSync(descriptor);
  return bytes;
}

describe('the agent', () => {
  it('commissions machines, also one without a disk, and tests what they have', async () => {
    for (const spec of SPECS) await declare(spec);
    const options = (name: string) => (name === 'diskless' ? [] : ['--no-tests']);
    await Promise.all(SPECS.map(({ name }) => lab.muster('machines', 'commission', name, ...options(name))));
    for (const { name, disks = [{}] } of SPECS) {
      const machine = await show(name);
      expect(machine).toMatchObject({ state: 'ready', accepted: true, failed: false });
      expect(machine.diskBytes).toHaveLength(disks.length);
      expect(await lab.powerStatus(name)).toBe('off');
    }
  }, 900_000);

  it('makes a disk unusable when the image that it wrote has another checksum, and says so', async () => {
    const undo = await damageImage();
    try {
      await expect(deploy('flat')).rejects.toThrow(/wrong checksum: .* has sha256 [0-9a-f]{64}, the order says/);
    } finally {
      undo();
    }
    expect(await show('flat')).toMatchObject({ state: 'deploying', failed: true, hostKeys: [] });
    const raw = await readDisk('flat');
    expect((await runProcess(['wipefs', '--no-act', '--noheadings', raw])).stdout).toBe('');
    rmSync(raw);
  }, 600_000);

  it('installs to disk on BIOS and UEFI, flat and LVM, while the server is killed', async () => {
    const userData = join(dir, 'user-data');
    writeFileSync(userData, '#cloud-config\nwrite_files:\n  - path: /etc/from-the-operator\n    content: hello\n');
    const sizes = () => ['flat', 'lvm'].map((name) => statSync(diskFile(lab.machine(name), 0)).blocks * 512);
    const before = sizes();
    const installs = Promise.all([
      lab.muster('machines', 'retry', 'flat'),
      deploy('lvm', '--layout', 'lvm', '--user-data', userData),
    ]);
    const writing = () => Promise.resolve(sizes().some((size, index) => size > before[index]! + 64 * MEBIBYTE));
    await Promise.race([lab.until('lvm', 'the middle of its install', writing), installs]);
    await lab.killServer();
    await installs;
    for (const name of ['flat', 'lvm']) expect(await show(name)).toMatchObject({ state: 'deployed', failed: false });
    expect(await ssh('flat', 'findmnt -no SOURCE /; hostname; test -e /sys/firmware/efi || echo BIOS')).toBe(
      '/dev/vda3\nflat\nBIOS',
    );
    const [source, name, firmware, said] = (
      await ssh('lvm', 'findmnt -no SOURCE /; hostname; ls -d /sys/firmware/efi; cat /etc/from-the-operator')
    ).split('\n');
    expect(source).toMatch(/^\/dev\/mapper\/muster[0-9a-f]{6}-root$/);
    expect([name, firmware, said]).toEqual(['lvm', '/sys/firmware/efi', 'hello']);
    // The file system fills the disk, whatever the image's size was.
    expect(Number(await ssh('lvm', 'df -BM --output=size / | tail -1 | tr -dc 0-9'))).toBeGreaterThan(7000);
  }, 1_200_000);
});

describe.concurrent('afterwards', () => {
  it('rescues a machine and gives it back as it was', async () => {
    await ssh('flat', 'echo kept > /root/kept; sync');
    const keys = await rescue('flat');
    const found = await ssh(
      'flat',
      'cat /etc/muster/version; mount -o ro /dev/vda3 /mnt && cat /mnt/root/kept; umount /mnt',
      keys,
    );
    expect(found).toMatch(/\nkept$/);
    expect(await show('flat')).toMatchObject({ state: 'rescue' });
    await lab.muster('machines', 'exit-rescue', 'flat');
    await lab.until(
      'flat',
      'its own system',
      async () => (await ssh('flat', 'cat /root/kept').catch(() => '')) === 'kept',
    );
    expect(await show('flat')).toMatchObject({ state: 'deployed' });
  }, 900_000);

  it('erases what it gives back', async () => {
    await lab.muster('machines', 'release', 'lvm', '--yes');
    expect(await show('lvm')).toMatchObject({ state: 'ready', hostKeys: [], address: null });
    expect(await lab.powerStatus('lvm')).toBe('off');
    const raw = await readDisk('lvm');
    const { size } = statSync(raw);
    expect(bytesAt(raw, 0, MEBIBYTE)).toEqual(Buffer.alloc(MEBIBYTE));
    expect(bytesAt(raw, size - MEBIBYTE, MEBIBYTE)).toEqual(Buffer.alloc(MEBIBYTE));
    expect((await runProcess(['wipefs', '--no-act', '--noheadings', raw])).stdout).toBe('');
    rmSync(raw);
  }, 600_000);

  it('tests a machine, rescues it and refuses its small disk, without writing a byte to it', async () => {
    await ssh('small', 'head -c 64M /dev/urandom > /dev/vda; sync', await rescue('small'));
    await lab.muster('machines', 'exit-rescue', 'small');
    const before = await hashOfDisk('small');
    await lab.muster('machines', 'test', 'small', '--only', 'disk');
    await rescue('small');
    await lab.muster('machines', 'exit-rescue', 'small');
    await expect(deploy('small')).rejects.toThrow(/no disk fits: .* at least \d+ bytes; here: vda \(1073741824 bytes/);
    expect(await show('small')).toMatchObject({ state: 'deploying', failed: true });
    expect(await hashOfDisk('small')).toBe(before);
  }, 900_000);

  it('refuses to install where there is no disk, and runs an image from memory', async () => {
    await expect(deploy('diskless')).rejects.toThrow(/no disk: this machine shows none to the kernel/);
    await lab.muster('machines', 'abort', 'diskless');
    await lab.muster('machines', 'mark-fixed', 'diskless', '--yes');
    await deploy('diskless', '--ram');
    expect(await show('diskless')).toMatchObject({ state: 'deployed', failed: false });
    expect(await ssh('diskless', 'findmnt -no FSTYPE /; hostname')).toBe('overlay\ndiskless');
  }, 900_000);
});

describe('a machine that is not what it seems', () => {
  it('is not taken for the one whose MAC it has: that one gets a question, nothing else happens', async () => {
    const { mac } = lab.machine('lvm');
    await lab.addMachine({ name: 'twin', firmware: 'bios', memoryMegabytes: 512, mac });
    const before = await lab.muster<Machine[]>('machines', 'list');
    const disk = await hashOfDisk('twin');
    await lab.press('twin', 'on');
    const asked = await lab.until('twin', 'a question', async () => {
      const events = await lab.muster<MachineEvent[]>('machines', 'events', 'lvm', '--only', 'question');
      return events.length > 0 && events;
    });
    await lab.press('twin', 'off');
    expect(asked[0]).toMatchObject({ kind: 'mac-conflict', details: { mac } });
    const after = await lab.muster<Machine[]>('machines', 'list');
    expect(after.map(({ name, state }) => `${name} ${state}`)).toEqual(
      before.map((each) => `${each.name} ${each.state}`),
    );
    expect(await hashOfDisk('twin')).toBe(disk);
  }, 600_000);

  it('never calls home: the operation fails with the stage where it stopped', async () => {
    await lab.killServer({ MUSTER_BOOT_CALL_HOME_SECONDS: '30' });
    await declare({ name: 'mute', firmware: 'bios', memoryMegabytes: 512 });
    await lab.block('mute', 'tcp', 7480);
    await expect(lab.muster('machines', 'commission', 'mute')).rejects.toThrow(
      /mute did not call home within 30 s: .*never asked for/,
    );
    expect(await show('mute')).toMatchObject({ state: 'declared', failed: true });
  }, 600_000);
});

/** Changes one byte in the middle of the stored image. Gives what puts it right again. */
async function damageImage(): Promise<() => void> {
  const images = await lab.muster<Image[]>('images', 'list');
  const root = images.find((each) => each.os === 'debian')!.files.find((each) => each.role === 'root-ext4')!;
  const file = lab.imageFile(root.sha256);
  const position = Math.floor(statSync(file).size / 2);
  const flip = () => {
    const [byte] = readFileSync(file).subarray(position, position + 1);
    const descriptor = openSync(file, 'r+');
    writeSync(descriptor, Buffer.of(byte! ^ 0xff), 0, 1, position);
    closeSync(descriptor);
  };
  flip();
  return flip;
}
