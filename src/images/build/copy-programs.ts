import { existsSync, realpathSync } from 'node:fs';
import { cp, mkdir, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { runProcess } from '../../platform/process/index.js';
import { MusterError } from '../../error.js';

const PROGRAM_FOLDERS = ['usr/sbin', 'usr/bin', 'sbin', 'bin'];
const LIBRARY_FOLDERS = ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu/systemd'];
const LOADER = 'lib64/ld-linux-x86-64.so.2';

/** The path of a program below an unpacked root; throws where it has none. */
export function findProgram(root: string, name: string): string {
  const found = PROGRAM_FOLDERS.map((folder) => join(root, folder, name)).find((path) => existsSync(path));
  if (found === undefined) throw new MusterError('internal', `cannot find the program ${name} below ${root}`);
  return found;
}

/** Copies programs and the libraries they need from one root to the `usr` folder of another. */
export async function copyPrograms(root: string, usr: string, names: readonly string[]): Promise<void> {
  const libraries = new Set<string>();
  await Promise.all(['bin', 'lib', 'lib64'].map((folder) => mkdir(join(usr, folder), { recursive: true })));
  for (const name of names) {
    const program = findProgram(root, name);
    await cp(realpathSync(program), join(usr, 'bin', name));
    for (const library of await librariesOf(root, program)) libraries.add(library);
  }
  for (const library of libraries) await cp(realpathSync(library), join(usr, 'lib', basename(library)));
  // The path that every program names as its interpreter.
  await cp(realpathSync(join(root, LOADER)), join(usr, 'lib64', basename(LOADER)));
}

/** Makes links beside the programs: `modprobe -> kmod`. */
export async function linkPrograms(usr: string, links: Record<string, string>): Promise<void> {
  for (const [name, target] of Object.entries(links)) {
    const path = join(usr, 'bin', name);
    await mkdir(dirname(path), { recursive: true });
    if (!existsSync(path)) await symlink(target, path);
  }
}

async function librariesOf(root: string, program: string): Promise<string[]> {
  // Static programs and scripts make the loader answer 1.
  const { stdout } = await runProcess([...loader(root), '--list', program], { allow: [0, 1] });
  const missing = /^\s*(\S+) => not found/m.exec(stdout)?.[1];
  if (missing !== undefined) {
    throw new MusterError('internal', `cannot copy ${program}: its library ${missing} is in none of the packages`);
  }
  return [...stdout.matchAll(/=> (\/\S+)/g)].map((match) => match[1] ?? '');
}

function loader(root: string): string[] {
  const folders = LIBRARY_FOLDERS.map((folder) => join(root, folder)).join(':');
  return [join(root, LOADER), '--inhibit-cache', '--library-path', folders];
}
