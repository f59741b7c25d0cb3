import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../error.js';
import { runProcess } from '../../platform/process/index.js';
import type { Accelerator } from './machine-spec.js';

/** Software emulation takes a small kernel this far in a few seconds; what is slower with KVM does not work. */
const PATIENCE_MS = 15_000;

/**
 * KVM where it takes a real kernel to the point where it misses its root file system; software emulation elsewhere.
 * That /dev/kvm opens says little: nested or emulated KVM may start firmware and hang in the kernel.
 */
export async function probeAccelerator(kernel: string | null): Promise<{ accelerator: Accelerator; reason: string }> {
  const tcg = (reason: string) => ({ accelerator: 'tcg' as const, reason });
  if (kernel === null) return tcg('no kernel to try KVM with');
  const argv = [
    ...['qemu-system-x86_64', '-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-m', '256'],
    ...['-accel', 'kvm', '-cpu', 'host', '-serial', 'stdio'],
    ...['-kernel', kernel, '-append', 'console=ttyS0 panic=-1'],
  ];
  const began = performance.now();
  try {
    const { stdout } = await runProcess(argv, { timeoutMs: PATIENCE_MS });
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    if (/Kernel panic - not syncing: VFS/.test(stdout))
      return { accelerator: 'kvm', reason: `a kernel in ${seconds} s` };
    return tcg('KVM starts, but no kernel runs on it');
  } catch (error) {
    return tcg(messageOf(error).slice(0, 200));
  }
}

/** A kernel of this computer's own, or of the memory environment that was built; null where there is none. */
export function findKernel(folders: readonly string[]): string | null {
  for (const folder of folders) {
    const name = namesIn(folder).find((each) => /^vmlinuz(-|$)/.test(each));
    if (name !== undefined) return join(folder, name);
  }
  return null;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return []; // not every computer has a /boot
  }
}
