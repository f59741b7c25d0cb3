import { rm } from 'node:fs/promises';
import { statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { MusterError } from '../../error.js';
import { packageRoot } from '../../platform/files/index.js';
import { runProcess } from '../../platform/process/index.js';
import { cached } from './build-cache.js';
import type { Baked, BuildProgress, BuiltFile, OsImage, OsImageOptions } from './build-types.js';
import { describeFile } from './built-file.js';
import { packageSource, type PackageSource } from './distribution.js';
import { KERNEL_PACKAGES } from './environment-content.js';
import { sourceLines } from './fetch-root.js';
import { runMmdebstrap } from './run-mmdebstrap.js';
import { mmdebstrapProgress } from './mmdebstrap-progress.js';
import { requirePrograms } from './needed-programs.js';
import { bakeHooks } from './bake-hooks.js';
import { CONTAINER_PACKAGES, KEPT, LEFT_OUT, OS_PACKAGES, TIME_DAEMONS } from './os-content.js';

/** Rises when this code changes what it makes from the same inputs. */
const RECIPE = 2;

/** Of the file system that is made: its journal of 64 MiB and its tables. */
const FILE_SYSTEM_OVERHEAD_KILOBYTES = 96 * 1024;

interface Made {
  kernelVersion: string;
  unpackedBytes: number;
  fileSystemBytes: number;
  fileSystem: BuiltFile | null;
  squashfs: BuiltFile;
}

/**
 * Builds an operating system image with mmdebstrap: one root as an ext4 file system and as squashfs, with a kernel,
 * cloud-init, an SSH server and boot loaders for BIOS and UEFI. Takes one to three minutes; nothing where a build with
 * the same inputs is in the cache. Runs as root, or as a user who may make user namespaces. Throws a
 * {@link MusterError} that names missing packages.
 */
export async function buildOsImage(options: OsImageOptions): Promise<OsImage> {
  const { os, release } = options;
  const progress = options.onProgress ?? (() => undefined);
  requirePrograms(['mmdebstrap', 'mksquashfs', 'mke2fs', 'zstd', 'tar']);
  const source = packageSource(os, release, options);
  const packages = packagesFor(options);
  const isContainer = options.kernel === 'none';
  const scripts = join(packageRoot(), 'tftp', isContainer ? 'container' : 'image');
  const { baked } = options;
  const sums = baked === undefined ? [] : [baked.masked, baked.files.map(({ sha256, fileName }) => [sha256, fileName])];
  const inputs = { assets: [scripts], parameters: [RECIPE, packages, LEFT_OUT, ...sums], source };
  const name = isContainer ? `${os}-${release}-container` : `${os}-${release}`;
  const { folder, result } = await cached<Made>(options.cacheDir, name, inputs, (work) =>
    makeImage({ work, scripts, source, packages, baked, isContainer, progress, signal: options.signal }),
  );
  progress(100, `${os}@${release} ${isContainer ? 'for containers' : `with kernel ${result.kernelVersion}`}`);
  const located = (file: BuiltFile): BuiltFile => ({ ...file, path: join(folder, basename(file.path)) });
  return {
    os,
    release,
    architecture: 'amd64',
    version: (result.fileSystem ?? result.squashfs).sha256.slice(0, 12),
    kernelVersion: result.kernelVersion,
    fileSystem: result.fileSystem === null ? null : located(result.fileSystem),
    fileSystemBytes: result.fileSystemBytes,
    squashfs: located(result.squashfs),
    unpackedBytes: result.unpackedBytes,
  };
}

function packagesFor(options: OsImageOptions): string[] {
  const flavour = options.kernel ?? 'generic';
  const included = options.include ?? [];
  if (flavour === 'none') return [...new Set([...CONTAINER_PACKAGES, ...included])].sort();
  const kernel = KERNEL_PACKAGES[options.os]?.[flavour];
  const own = included.some((name) => TIME_DAEMONS.includes(name))
    ? OS_PACKAGES.filter((name) => name !== 'systemd-timesyncd')
    : OS_PACKAGES;
  return [...new Set([...(kernel === undefined ? [] : [kernel]), ...own, ...included])].sort();
}

interface ImageWork {
  work: string;
  scripts: string;
  source: PackageSource;
  packages: readonly string[];
  baked: Baked | undefined;
  isContainer: boolean;
  progress: BuildProgress;
  signal: AbortSignal | undefined;
}

async function makeImage(parts: ImageWork): Promise<Made> {
  const { work, isContainer, progress, signal } = parts;
  const tar = join(work, 'root.tar');
  await installPackages(parts, tar);
  const kernelVersion = isContainer ? '' : await kernelVersionIn(tar);
  progress(75, isContainer ? 'packing the root' : 'packing the root for memory');
  const squashfs = join(work, 'root.squashfs');
  // sqfstar would be made for this, but the one of Debian 12 takes no compressor options.
  const pack =
    'mksquashfs - "$2" -tar -quiet -no-progress -comp zstd -Xcompression-level 6 -wildcards -e "boot/*" "usr/lib/muster/boot/*" < "$1"';
  // The shell is there for its redirection: a tar of a gigabyte is not read into this process.
  await runProcess(['sh', '-c', pack, 'sh', tar, squashfs], { signal });
  const unpackedBytes = statSync(tar).size;
  if (isContainer) {
    await rm(tar);
    return {
      kernelVersion,
      unpackedBytes,
      fileSystemBytes: 0,
      fileSystem: null,
      squashfs: await describeFile(squashfs),
    };
  }
  progress(88, 'packing the root for disks');
  const fileSystem = join(work, 'root.ext4');
  const fileSystemBytes = await makeFileSystem(tar, fileSystem, signal);
  await rm(tar);
  await runProcess(['zstd', '-q', '-9', '-T0', '--rm', fileSystem], { signal });
  return {
    kernelVersion,
    unpackedBytes,
    fileSystemBytes,
    fileSystem: await describeFile(`${fileSystem}.zst`),
    squashfs: await describeFile(squashfs),
  };
}

/**
 * Makes an ext4 file system of a tar, without loop devices and mounts, and returns its size in bytes: the files and a
 * little room, for it is grown on the machine's disk. Its features are those that the agent's own mke2fs would choose.
 */
async function makeFileSystem(tar: string, path: string, signal: AbortSignal | undefined): Promise<number> {
  const kilobytes = Math.ceil((statSync(tar).size * 1.1) / 1024) + FILE_SYSTEM_OVERHEAD_KILOBYTES;
  const folder = `${path}.root`;
  // Device files are left out: a user namespace may make none, and the kernel brings its own /dev.
  const script = `set -e
    mkdir "$2"
    export MKE2FS_CONFIG="$5"
    tar -xp --numeric-owner --xattrs --xattrs-include='*' --exclude='./dev/*' -f "$1" -C "$2"
    mke2fs -q -F -t ext4 -b 4096 -i 16384 -I 256 -J size=64 -L muster-root -E lazy_itable_init=1,lazy_journal_init=1 -d "$2" "$3" "$4k"
    rm -rf "$2"`;
  // As root of a user namespace where this user is none: the files' owners must be what the tar says.
  const asRoot = process.getuid?.() === 0 ? [] : ['mmdebstrap', '--unshare-helper'];
  const features = join(packageRoot(), 'tftp', 'agent', 'etc', 'mke2fs.conf');
  const values = [tar, folder, path, `${kilobytes}`, features];
  await runProcess([...asRoot, 'sh', '-c', script, 'sh', ...values], { signal });
  return statSync(path).size;
}

async function installPackages(parts: ImageWork, tar: string): Promise<void> {
  const { work, scripts, source, packages, baked, isContainer, progress, signal } = parts;
  const hooks = baked === undefined ? [] : await bakeHooks(baked, work);
  progress(2, `fetching the packages of ${source.codename}`);
  await runMmdebstrap(
    [
      '--variant=minbase',
      '--format=tar',
      '--aptopt=APT::Install-Recommends "false"',
      '--aptopt=Acquire::Languages "none"',
      ...LEFT_OUT.map((path) => `--dpkgopt=path-exclude=${path}`),
      ...KEPT.map((path) => `--dpkgopt=path-include=${path}`),
      ...(isContainer ? [] : [`--essential-hook=${join(scripts, 'prepare.sh')} "$1"`]),
      `--customize-hook=${join(scripts, 'customize.sh')} "$1"`,
      ...hooks.map((hook) => `--customize-hook=${hook}`),
      `--include=${packages.join(',')}`,
      source.codename,
      tar,
      ...sourceLines(source),
    ],
    work,
    { signal, onOutput: mmdebstrapProgress(progress, 2, 75) },
  ).catch(async (error: unknown) => {
    await rm(tar, { force: true });
    throw new MusterError('internal', `cannot build from ${source.codename}: mmdebstrap failed`, {
      hint: 'Its last words are in the cause; most often the archive cannot be reached, or this user may make no user namespaces.',
      cause: error,
    });
  });
}

async function kernelVersionIn(tar: string): Promise<string> {
  const { stdout } = await runProcess(['tar', '-tf', tar, '--wildcards', './boot/vmlinuz-*']);
  const name = /vmlinuz-(\S+)/.exec(stdout)?.[1];
  if (name === undefined) throw new MusterError('internal', 'cannot find a kernel in the root that was built');
  return name;
}
