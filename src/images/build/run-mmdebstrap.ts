import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runProcess, type RunOptions } from '../../platform/process/index.js';

/** With namespaces of its own, whose first process ends with `unshare`: programs that left its session go too. */
const APART = ['unshare', '--mount', '--pid', '--mount-proc', '--fork', '--kill-child'];

/**
 * Runs mmdebstrap with its root below `work`. On abort it is killed, and then nothing of it is left but files in `work`:
 * as root it mounts this computer's /dev/shm and more below its root, and whoever removed a root that was left would empty
 * those. A user who is not root has namespaces of mmdebstrap's own making.
 */
export async function runMmdebstrap(
  args: readonly string[],
  work: string,
  options: Pick<RunOptions, 'signal' | 'onOutput'>,
): Promise<void> {
  const temporary = join(work, 'mmdebstrap.d');
  await mkdir(temporary, { recursive: true });
  const apart = process.getuid?.() === 0 ? APART : [];
  await runProcess([...apart, 'env', `TMPDIR=${temporary}`, 'mmdebstrap', ...args], options);
  await rm(temporary, { recursive: true, force: true });
}
