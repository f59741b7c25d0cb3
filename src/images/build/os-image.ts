import { rm } from 'node:fs/promises';
import { statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { MusterError } from '../../error.js';
import { packageRoot } from '../../platform/files/index.js';
import { runProcess } from '../../platform/process/index.js';
import { cached } from './build-cache.js';
import type { BuildProgress, BuiltFile, OsImage, OsImageOptions } from './build-types.js';
import { describeFile } from './built-file.js';
import { packageSource, type PackageSource } from './distribution.js';
import { KERNEL_PACKAGES } from './environment-content.js';
import { sourceLines } from './fetch-root.js';
import { mmdebstrapProgress } from './mmdebstrap-progress.js';
import { requirePrograms } from './needed-programs.js';
import { KEPT, LEFT_OUT, OS_PACKAGES } from './os-content.js';

/** Rises when this code changes what it makes from the same inputs. */
const RECIPE = 1;

interface Made {
  kernelVersion: string;
  unpackedBytes: number;
  tar: BuiltFile;
  squashfs: BuiltFile;
}

/**
 * Builds an operating system image with mmdebstrap: one root as tar and as squashfs, with a kernel, cloud-init, an SSH
 * server and boot loaders for BIOS and UEFI. Takes one to three minutes; nothing where a build with the same inputs is
 * in the cache. Runs as root, or as a user who may make user namespaces. Throws a {@link MusterError} that names
 * missing packages.
 */
export async function buildOsImage(options: OsImageOptions): Promise<OsImage> {
  const { os, release } = options;
  const progress = options.onProgress ?? (() => undefined);
  requirePrograms(['mmdebstrap', 'mksquashfs', 'zstd', 'tar']);
  const source = packageSource(os, release, options);
  const packages = packagesFor(options);
  const scripts = join(packageRoot(), 'tftp', 'image');
  const inputs = { assets: [scripts], parameters: [RECIPE, packages, LEFT_OUT], source };
  const name = `${os}-${release}`;
  const { folder, result } = await cached<Made>(options.cacheDir, name, inputs, (work) =>
    makeImage({ work, scripts, source, packages, progress, signal: options.signal }),
  );
  progress(100, `${os}@${release} with kernel ${result.kernelVersion}`);
  const located = (file: BuiltFile): BuiltFile => ({ ...file, path: join(folder, basename(file.path)) });
  return {
    os,
    release,
    architecture: 'amd64',
    version: result.tar.sha256.slice(0, 12),
    kernelVersion: result.kernelVersion,
    tar: located(result.tar),
    squashfs: located(result.squashfs),
    unpackedBytes: result.unpackedBytes,
  };
}

function packagesFor(options: OsImageOptions): string[] {
  const kernel = KERNEL_PACKAGES[options.os]?.[options.kernel ?? 'generic'];
  return [...new Set([...(kernel === undefined ? [] : [kernel]), ...OS_PACKAGES, ...(options.include ?? [])])].sort();
}

interface ImageWork {
  work: string;
  scripts: string;
  source: PackageSource;
  packages: readonly string[];
  progress: BuildProgress;
  signal: AbortSignal | undefined;
}

async function makeImage({ work, scripts, source, packages, progress, signal }: ImageWork): Promise<Made> {
  const tar = join(work, 'root.tar');
  await installPackages({ work, scripts, source, packages, progress, signal }, tar);
  const kernelVersion = await kernelVersionIn(tar);
  progress(75, 'packing the root for memory');
  const squashfs = join(work, 'root.squashfs');
  // sqfstar would be made for this, but the one of Debian 12 takes no compressor options.
  const pack =
    'mksquashfs - "$2" -tar -quiet -no-progress -comp zstd -Xcompression-level 6 -wildcards -e "boot/*" "usr/lib/muster/boot/*" < "$1"';
  // The shell is there for its redirection: a tar of a gigabyte is not read into this process.
  await runProcess(['sh', '-c', pack, 'sh', tar, squashfs], { signal });
  progress(88, 'packing the root for disks');
  const unpackedBytes = statSync(tar).size;
  await runProcess(['zstd', '-q', '-9', '-T0', '--rm', tar], { signal });
  return {
    kernelVersion,
    unpackedBytes,
    tar: await describeFile(`${tar}.zst`),
    squashfs: await describeFile(squashfs),
  };
}

async function installPackages(parts: ImageWork, tar: string): Promise<void> {
  const { scripts, source, packages, progress, signal } = parts;
  progress(2, `fetching the packages of ${source.codename}`);
  await runProcess(
    [
      'mmdebstrap',
      '--variant=minbase',
      '--format=tar',
      '--aptopt=APT::Install-Recommends "false"',
      '--aptopt=Acquire::Languages "none"',
      ...LEFT_OUT.map((path) => `--dpkgopt=path-exclude=${path}`),
      ...KEPT.map((path) => `--dpkgopt=path-include=${path}`),
      `--essential-hook=${join(scripts, 'prepare.sh')} "$1"`,
      `--customize-hook=${join(scripts, 'customize.sh')} "$1"`,
      `--include=${packages.join(',')}`,
      source.codename,
      tar,
      ...sourceLines(source),
    ],
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
