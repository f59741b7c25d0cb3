import { spawn, type ChildProcess } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProcess } from '../../src/platform/process/index.js';

export interface VirtualMachineOptions {
  /** Boots this directly; without it, the machine boots from its disks. */
  kernel?: { kernel: string; initrd: string; arguments: string };
  firmware?: 'bios' | 'uefi';
  megabytes?: number;
  /** QEMU's name of the NIC model. */
  nic?: string;
  disks?: { path: string; bus: 'virtio' | 'ahci' | 'nvme'; serial: string }[];
  /** A port of this computer's loopback that leads to the machine's port 22. */
  sshPort?: number;
}

export const BOOT_MAC = '52:54:00:aa:00:01';
const UUID = '6d757374-6572-4000-8000-000000000001';
const UEFI = { code: '/usr/share/OVMF/OVMF_CODE_4M.fd', variables: '/usr/share/OVMF/OVMF_VARS_4M.fd' };

/** One machine with real firmware in software emulation, on QEMU's user network: it reaches this computer's loopback. */
export class VirtualMachine {
  private readonly ended: Promise<number | null>;

  private constructor(
    private readonly dir: string,
    private readonly process: ChildProcess,
  ) {
    this.ended = new Promise((resolve) => process.on('exit', resolve));
  }

  static start(options: VirtualMachineOptions): VirtualMachine {
    const dir = mkdtempSync(join(tmpdir(), 'muster-vm-'));
    const child = spawn('qemu-system-x86_64', qemuArguments(options, dir), { stdio: ['ignore', 'ignore', 'inherit'] });
    return new VirtualMachine(dir, child);
  }

  /** An empty disk that takes only the space that is written to it. */
  static async createDisk(path: string, size: string): Promise<void> {
    await runProcess(['qemu-img', 'create', '-q', '-f', 'qcow2', path, size]);
  }

  /** Everything that the serial console has shown. */
  get console(): string {
    return readFileSync(join(this.dir, 'console'), 'utf8');
  }

  /** Resolves when the machine has switched itself off or restarted: neither is followed by another boot here. */
  async waitForEnd(timeoutMs = 240_000): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`the machine runs on:\n${this.console.slice(-3000)}`)), timeoutMs);
    });
    await Promise.race([this.ended, late]).finally(() => clearTimeout(timer));
  }

  async waitForConsole(text: string, timeoutMs = 120_000): Promise<void> {
    const end = Date.now() + timeoutMs;
    while (!this.console.includes(text)) {
      if (Date.now() > end || this.process.exitCode !== null) {
        throw new Error(`the console never showed "${text}":\n${this.console.slice(-3000)}`);
      }
      await new Promise((done) => setTimeout(done, 100));
    }
  }

  async stop(): Promise<void> {
    this.process.kill('SIGKILL');
    await this.ended;
    rmSync(this.dir, { recursive: true, force: true });
  }
}

function qemuArguments(options: VirtualMachineOptions, dir: string): string[] {
  const forward = options.sshPort === undefined ? '' : `,hostfwd=tcp:127.0.0.1:${options.sshPort}-:22`;
  return [
    ...['-accel', 'tcg', '-nodefaults', '-display', 'none', '-no-reboot', '-uuid', UUID],
    ...['-m', String(options.megabytes ?? 512), '-serial', `file:${join(dir, 'console')}`],
    ...[
      '-netdev',
      `user,id=n0${forward}`,
      '-device',
      `${options.nic ?? 'virtio-net-pci'},netdev=n0,romfile=,mac=${BOOT_MAC}`,
    ],
    ...['-device', 'virtio-rng-pci'],
    ...firmwareArguments(options.firmware ?? 'bios', dir),
    ...kernelArguments(options.kernel),
    ...(options.disks ?? []).flatMap(diskArguments),
  ];
}

function firmwareArguments(firmware: 'bios' | 'uefi', dir: string): string[] {
  if (firmware === 'bios') return ['-machine', 'q35'];
  const variables = join(dir, 'variables.fd');
  copyFileSync(UEFI.variables, variables);
  return [
    ...['-machine', 'q35'],
    ...['-drive', `if=pflash,format=raw,unit=0,readonly=on,file=${UEFI.code}`],
    ...['-drive', `if=pflash,format=raw,unit=1,file=${variables}`],
  ];
}

function kernelArguments(kernel: VirtualMachineOptions['kernel']): string[] {
  if (kernel === undefined) return [];
  const line = `console=ttyS0 mitigations=off panic=-1 BOOTIF=01-${BOOT_MAC.replaceAll(':', '-')} ${kernel.arguments}`;
  return ['-kernel', kernel.kernel, '-initrd', kernel.initrd, '-append', line];
}

function diskArguments(
  disk: { path: string; bus: 'virtio' | 'ahci' | 'nvme'; serial: string },
  index: number,
): string[] {
  const drive = ['-drive', `if=none,id=d${index},file=${disk.path},format=qcow2,cache=unsafe,discard=unmap`];
  const device = { virtio: 'virtio-blk-pci', ahci: 'ide-hd,bus=ide.' + String(index), nvme: 'nvme' }[disk.bus];
  return [...drive, '-device', `${device},drive=d${index},serial=${disk.serial}`];
}
