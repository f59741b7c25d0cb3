import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { MusterError } from '../../error.js';

/** Program -> the Debian and Ubuntu package that has it. */
const PACKAGES: Record<string, string> = {
  mmdebstrap: 'mmdebstrap',
  mksquashfs: 'squashfs-tools',
  cpio: 'cpio',
  zstd: 'zstd',
  depmod: 'kmod',
  tar: 'tar',
};
/** Searched beside PATH: a service's PATH often lacks the administrator's folders. */
const FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** Throws, naming every missing package at once. */
export function requirePrograms(programs: readonly string[], folders: readonly string[] = FOLDERS): void {
  const missing = programs.filter((program) => !folders.some((folder) => isProgram(join(folder, program))));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((program) => PACKAGES[program] ?? program))];
  throw new MusterError('invalid', `cannot build: missing ${missing.join(', ')}`, {
    hint: `apt-get install ${packages.join(' ')}`,
  });
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
