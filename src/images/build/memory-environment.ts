import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, cp, mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { MusterError } from '../../error.js';
import { runProcess } from '../../platform/process/index.js';
import { cached } from './build-cache.js';
import type { BuiltFile, MemoryEnvironment, MemoryEnvironmentOptions } from './build-types.js';
import { describeFile } from './built-file.js';
import { copyPrograms, linkPrograms } from './copy-programs.js';
import { hostRelease, packageSource, type PackageSource } from './distribution.js';
import * as content from './environment-content.js';
import { unpackPackages } from './fetch-root.js';
import { loadOrder, moduleClosure, parseModuleDependencies, type ModuleDependencies } from './module-closure.js';
import { requirePrograms } from './needed-programs.js';
import { packageRoot } from '../../platform/files/index.js';

/** Rises when this code changes what it makes from the same inputs. */
const RECIPE = 2;

interface Made {
  kernelVersion: string;
  version: string;
  files: Record<'kernel' | 'initrd', BuiltFile>;
}

/**
 * Builds the kernel and the initramfs that machines boot into memory, from this computer's own distribution (Debian 12
 * where it is neither Debian nor Ubuntu). Takes about half a minute; nothing where a build with the same inputs is in
 * the cache. Needs no root where user namespaces are allowed. Throws a {@link MusterError} that names missing packages.
 */
export async function buildMemoryEnvironment(options: MemoryEnvironmentOptions): Promise<MemoryEnvironment> {
  const progress = options.onProgress ?? (() => undefined);
  requirePrograms(['mmdebstrap', 'mksquashfs', 'cpio', 'depmod', 'zstd', 'tar']);
  const { os, release } = hostRelease();
  const source = packageSource(os, release, options);
  const packages = packagesFor(os, source, options);
  const agent = join(packageRoot(), 'tftp', 'agent');
  const inputs = { assets: [agent], parameters: [RECIPE, packages, content], source };
  const { folder, result } = await cached<Made>(options.cacheDir, 'memory-environment', inputs, async (work) => {
    const root = join(work, 'root');
    progress(5, `fetching ${packages.length} packages of ${source.codename}`);
    await unpackPackages(source, root, { packages, signal: options.signal });
    progress(50, 'choosing programs and drivers');
    return assemble({ root, work, agent, progress });
  });
  progress(100, `memory environment ${result.version}`);
  const located = (file: BuiltFile): BuiltFile => ({ ...file, path: join(folder, basename(file.path)) });
  return {
    kernel: located(result.files.kernel),
    initrd: located(result.files.initrd),
    version: result.version,
    kernelVersion: result.kernelVersion,
    architecture: 'amd64',
  };
}

function packagesFor(os: string, source: PackageSource, options: MemoryEnvironmentOptions): string[] {
  const flavour = options.kernel ?? 'generic';
  if (flavour === 'none') throw new MusterError('invalid', 'cannot build a memory environment without a kernel');
  const kernel = content.KERNEL_PACKAGES[os]?.[flavour] ?? '';
  const hasFirmware = source.archives.some((archive) => archive.components.includes('non-free-firmware'));
  const firmware = flavour === 'generic' && hasFirmware ? content.FIRMWARE_PACKAGES : [];
  return [...new Set([kernel, ...content.ENVIRONMENT_PACKAGES, ...firmware, ...(options.include ?? [])])].sort();
}

interface Assembly {
  root: string;
  work: string;
  agent: string;
  progress: (percent: number, message: string) => void;
}

async function assemble({ root, work, agent, progress }: Assembly): Promise<Made> {
  const kernelVersion = kernelVersionBelow(root);
  const usr = join(work, 'usr');
  await copyPrograms(root, usr, content.PROGRAMS);
  await linkPrograms(usr, content.PROGRAM_LINKS);
  await linkBusybox(root, usr);
  await cp(join(agent, 'lib'), join(usr, 'lib', 'muster'), { recursive: true });
  // udhcpc starts it as a program; the mode of a file in a checkout is not to be relied on.
  await chmod(join(usr, 'lib', 'muster', 'udhcpc.sh'), 0o755);
  const dependencies = await copyModules(root, usr, kernelVersion);
  await copyFirmware(root, usr);
  progress(70, 'packing');
  const tools = join(work, 'tools.squashfs');
  const fixedTimes = ['-all-root', '-all-time', '0', '-mkfs-time', '0'];
  await runProcess(['mksquashfs', usr, tools, '-comp', 'zstd', '-no-progress', '-noappend', ...fixedTimes]);
  const hash = createHash('sha256')
    .update(readFileSync(tools))
    .update(readFileSync(join(agent, 'init')));
  const version = `${kernelVersion}+${hash.digest('hex').slice(0, 8)}`;
  await packInitrd({ root, work, agent, kernelVersion, dependencies, version });
  await cp(join(root, 'boot', `vmlinuz-${kernelVersion}`), join(work, 'vmlinuz'));
  await Promise.all([root, usr, tools, join(work, 'core')].map((path) => rm(path, { recursive: true, force: true })));
  const files = {
    kernel: await describeFile(join(work, 'vmlinuz')),
    initrd: await describeFile(join(work, 'initrd')),
  };
  return { kernelVersion, version, files };
}

function kernelVersionBelow(root: string): string {
  const kernel = readdirSync(join(root, 'boot')).find((name) => name.startsWith('vmlinuz-'));
  if (kernel === undefined) throw new MusterError('internal', `cannot find a kernel below ${root}/boot`);
  return kernel.slice('vmlinuz-'.length);
}

async function linkBusybox(root: string, usr: string): Promise<void> {
  const { stdout } = await runProcess([join(root, 'bin', 'busybox'), '--list']);
  const applets = stdout.split('\n').filter((name) => name !== '' && name !== 'busybox');
  await linkPrograms(usr, Object.fromEntries(applets.map((name) => [name, '/busybox'])));
  await linkPrograms(usr, { busybox: '/busybox' });
}

async function copyModules(root: string, usr: string, kernelVersion: string): Promise<ModuleDependencies> {
  const from = join(root, 'lib', 'modules', kernelVersion);
  const to = join(usr, 'lib', 'modules', kernelVersion);
  // Packages ship no modules.dep: their maintainer scripts, which do not run here, would make it.
  await runProcess(['depmod', '-b', root, kernelVersion]);
  const dependencies = parseModuleDependencies(readFileSync(join(from, 'modules.dep'), 'utf8'));
  for (const file of moduleClosure(
    dependencies,
    [...content.MODULES, ...content.CORE_MODULES],
    content.UNWANTED_MODULES,
  )) {
    await mkdir(dirname(join(to, file)), { recursive: true });
    await cp(join(from, file), join(to, file));
  }
  for (const name of ['modules.order', 'modules.builtin', 'modules.builtin.modinfo']) {
    await cp(join(from, name), join(to, name));
  }
  await symlink('usr/lib', join(dirname(usr), 'lib'));
  await runProcess(['depmod', '-b', dirname(usr), kernelVersion]);
  await rm(join(dirname(usr), 'lib'));
  return dependencies;
}

async function copyFirmware(root: string, usr: string): Promise<void> {
  for (const folder of content.FIRMWARE_FOLDERS) {
    const [from, to] = [join(root, 'lib', 'firmware', folder), join(usr, 'lib', 'firmware', folder)];
    // Where the archive has no such package, NICs that need it stay without.
    if (existsSync(from)) await cp(from, to, { recursive: true, verbatimSymlinks: true });
  }
}

interface Initrd {
  root: string;
  work: string;
  agent: string;
  kernelVersion: string;
  dependencies: ModuleDependencies;
  version: string;
}

/**
 * Two archives in one file (kernel Documentation/driver-api/early-userspace/buffer-format.rst): first an uncompressed
 * one with the squashfs, which is compressed in itself and read as needed, then the small part that is needed at once.
 */
async function packInitrd(parts: Initrd): Promise<void> {
  const { root, work, agent, version } = parts;
  const core = join(work, 'core');
  for (const folder of ['dev', 'etc/muster', 'mnt', 'modules', 'proc', 'run', 'sys', 'tmp', 'usr', 'var', 'root']) {
    await mkdir(join(core, folder), { recursive: true });
  }
  for (const name of ['bin', 'sbin']) await symlink('usr/bin', join(core, name));
  for (const name of ['lib', 'lib64']) await symlink(`usr/${name}`, join(core, name));
  await cp(join(root, 'bin', 'busybox'), join(core, 'busybox'));
  await cp(join(agent, 'etc'), join(core, 'etc'), { recursive: true });
  await cp(join(agent, 'init'), join(core, 'init'));
  await chmod(join(core, 'init'), 0o755);
  await writeFile(join(core, 'etc', 'muster', 'version'), `${version}\n`);
  await copyCoreModules(parts, core);
  const outer = join(work, 'outer');
  await mkdir(outer);
  await rename(join(work, 'tools.squashfs'), join(outer, 'tools.squashfs'));
  const pack = (folder: string, filter: string) =>
    `cd ${folder} && find . -exec touch -hd @0 {} + && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --reproducible --quiet ${filter}`;
  // The folder names are this build's own: nothing in them needs quoting.
  const script = `(${pack(outer, '')}; ${pack(core, '| zstd -q -19')}) > ${join(work, 'initrd')}`;
  await runProcess(['bash', '-c', `set -e -o pipefail; ${script}`]);
  await rm(outer, { recursive: true });
}

async function copyCoreModules({ root, kernelVersion, dependencies }: Initrd, core: string): Promise<void> {
  const files = [...new Set(content.CORE_MODULES.flatMap((name) => loadOrder(dependencies, name)))];
  for (const file of files) {
    await cp(join(root, 'lib', 'modules', kernelVersion, file), join(core, 'modules', basename(file)));
  }
  await writeFile(join(core, 'modules', 'order'), files.map((file) => `${basename(file)}\n`).join(''));
}
