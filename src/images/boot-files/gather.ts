import { createHash } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MusterError } from '../../error.js';
import { packageRoot, syncFolder } from '../../platform/files/index.js';
import { runProcess } from '../../platform/process/index.js';
import { hashFile } from '../store/content-store.js';
import {
  parseBootFileList,
  parseGathered,
  type BootArchitecture,
  type BootFileSource,
  type GatheredFile,
} from './boot-file-list.js';
import { copyFromPackage, DebianPackages } from './debian-packages.js';

export interface GatherOptions {
  /** Those of the machines to boot; amd64 alone by default. */
  architectures?: readonly BootArchitecture[];
  onProgress?: (percent: number, message: string) => void;
}

/** The list that is shipped. */
export async function readBootFileList(): Promise<BootFileSource[]> {
  return parseBootFileList(await readFile(join(packageRoot(), 'tftp', 'manifest.yaml'), 'utf8'));
}

/**
 * Gathers the boot files into `<dataDir>/boot-files`, with `manifest.json`. The folder is replaced as a whole: who reads
 * it sees the old set or the new one. Throws when a file cannot be had; the old set stays then.
 */
export async function gatherBootFiles(dataDir: string, options: GatherOptions = {}): Promise<GatheredFile[]> {
  const architectures = options.architectures ?? ['amd64'];
  const wanted = (await readBootFileList()).filter((file) => architectures.includes(file.architecture));
  await mkdir(dataDir, { recursive: true });
  const workDir = await mkdtemp(join(tmpdir(), 'muster-boot-files-'));
  const folder = await mkdtemp(join(dataDir, 'boot-files.new-'));
  try {
    const packages = new DebianPackages(workDir);
    const gathered: GatheredFile[] = [];
    for (const [index, file] of wanted.entries()) {
      options.onProgress?.(Math.floor((index * 100) / wanted.length), file.name);
      gathered.push(await gatherOne(file, packages, folder));
    }
    await writeFile(join(folder, 'manifest.json'), `${JSON.stringify(gathered, null, 2)}\n`);
    await chmod(folder, 0o755);
    await replaceFolder(folder, join(dataDir, 'boot-files'));
    await syncFolder(dataDir);
    return gathered;
  } finally {
    await rm(workDir, { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
  }
}

async function gatherOne(file: BootFileSource, packages: DebianPackages, folder: string): Promise<GatheredFile> {
  const unpacked = await packages.unpack(file.package, file.architecture);
  const target = join(folder, file.name);
  if ('path' in file) await copyFromPackage(unpacked, file.path, target);
  else await makeGrubImage(file.build, join(unpacked.root, 'usr/lib/grub', file.build.format), packages, target);
  await chmod(target, 0o644);
  const { size } = await stat(target);
  const sha256 = await hashFile(target);
  const recipe = await recipeOf(file);
  const version = recipe === null ? unpacked.version : `${unpacked.version}+${recipe}`;
  return { name: file.name, sha256, sizeBytes: size, package: file.package, version };
}

/** Whether a gathered file is of this list: one made here is stale when what it is made of has changed. */
export async function isCurrent(file: BootFileSource, gathered: GatheredFile | undefined): Promise<boolean> {
  if (gathered === undefined) return false;
  const recipe = await recipeOf(file);
  return recipe === null || gathered.version.endsWith(`+${recipe}`);
}

async function recipeOf(file: BootFileSource): Promise<string | null> {
  if (!('build' in file)) return null;
  const config = await readFile(join(packageRoot(), 'tftp', file.build.config));
  return createHash('sha256').update(JSON.stringify(file.build)).update(config).digest('hex').slice(0, 8);
}

/**
 * A GRUB with its modules and configuration inside. The configuration is the `grub.cfg` of a memory disk: one given as
 * `--config` would be run by GRUB's rescue parser, which knows neither `if` nor comments.
 */
async function makeGrubImage(
  build: { format: string; config: string; modules: readonly string[] },
  modules: string,
  packages: DebianPackages,
  target: string,
): Promise<void> {
  const tools = await packages.unpack('grub-common', await packages.nativeArchitecture());
  const memoryDisk = `${target}.tar`;
  await runProcess([
    ...['tar', '-C', join(packageRoot(), 'tftp'), '--transform', 's,.*,grub.cfg,', '--owner=0', '--group=0'],
    ...['--mtime=@0', '--mode=0644', '-cf', memoryDisk, build.config],
  ]);
  await runProcess([
    join(tools.root, 'usr/bin/grub-mkimage'),
    `--directory=${modules}`,
    `--format=${build.format}`,
    `--memdisk=${memoryDisk}`,
    '--prefix=(memdisk)/',
    `--output=${target}`,
    ...['memdisk', 'tar', ...build.modules],
  ]);
  await rm(memoryDisk);
}

/** A folder cannot be renamed over one that has files; the old one is moved aside first. */
async function replaceFolder(fresh: string, target: string): Promise<void> {
  // Another process that gathered at the same time was first. Its set is as good, and may be in use already.
  if ((await isIntact(target)) && (await manifestOf(target)) === (await manifestOf(fresh))) return;
  const old = `${fresh}.old`;
  try {
    await rename(target, old);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  try {
    await rename(fresh, target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') {
      throw new MusterError('internal', `cannot put the boot files at ${target}`, { cause: error });
    }
  }
  await rm(old, { recursive: true, force: true });
}

async function isIntact(folder: string): Promise<boolean> {
  try {
    await readGathered(folder);
    return true;
  } catch {
    return false;
  }
}

const manifestOf = (folder: string) => readFile(join(folder, 'manifest.json'), 'utf8');

/** Rejects with `ENOENT` when nothing was gathered, with a MusterError when a file is not what the manifest says. */
export async function readGathered(folder: string): Promise<(GatheredFile & { path: string })[]> {
  const files = parseGathered(await manifestOf(folder)).map((file) => ({ ...file, path: join(folder, file.name) }));
  for (const { path, sha256 } of files) {
    if ((await hashFile(path)) !== sha256) {
      throw new MusterError('internal', `cannot use the boot file ${path}: it is not what its manifest says`);
    }
  }
  return files;
}
