import { copyFile, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, MusterError } from '../../error.js';
import { runProcess } from '../../platform/process/index.js';

/** A package's files, under `root`: `/` where it is installed. */
export interface UnpackedPackage {
  root: string;
  version: string;
}

const DOWNLOAD_MS = 10 * 60_000;

/**
 * Finds Debian packages' files: installed ones where they are, others fetched and checked by apt and unpacked under
 * `workDir`. Nothing is installed. Foreign architectures, and what the computer's package lists do not know, are looked
 * up in lists of our own, so that the computer's are left alone.
 */
export class DebianPackages {
  private readonly found = new Map<string, Promise<UnpackedPackage>>();
  private readonly ownLists = new Map<string, Promise<string[]>>();
  private native: Promise<string> | undefined;

  constructor(private readonly workDir: string) {}

  unpack(name: string, architecture: string): Promise<UnpackedPackage> {
    return remembered(this.found, `${name}:${architecture}`, () => this.findOrFetch(name, architecture));
  }

  /** Debian's name of this computer's architecture. */
  nativeArchitecture(): Promise<string> {
    this.native ??= runProcess(['dpkg', '--print-architecture']).then(({ stdout }) => stdout.trim());
    return this.native;
  }

  private async findOrFetch(name: string, architecture: string): Promise<UnpackedPackage> {
    const isForeign = architecture !== (await this.nativeArchitecture());
    const version = isForeign ? null : await installedVersion(name);
    return version === null ? this.fetch(name, architecture, isForeign) : { root: '/', version };
  }

  private async fetch(name: string, architecture: string, isForeign: boolean): Promise<UnpackedPackage> {
    const folder = join(this.workDir, `${name}-${architecture}`);
    await mkdir(folder, { recursive: true });
    const wanted = isForeign ? `${name}:${architecture}` : name;
    const download = (options: readonly string[]) =>
      runProcess(['apt-get', ...options, 'download', wanted], { cwd: folder, timeoutMs: DOWNLOAD_MS });
    const byOwnLists = async () =>
      download(await remembered(this.ownLists, architecture, () => this.updateOwnLists(architecture)));
    try {
      // The computer's own lists may be old or not there, and only root may renew them.
      await (isForeign ? byOwnLists() : download([]).catch(byOwnLists));
    } catch (error) {
      throw new MusterError('unavailable', `cannot get the package ${wanted}: ${messageOf(error)}`, {
        cause: error,
        hint: `apt-get update && apt-get install ${name}, or name a folder of boot files in boot.filesDir`,
      });
    }
    const archive = (await readdir(folder)).find((file) => file.endsWith('.deb'));
    if (archive === undefined) throw new MusterError('internal', `cannot find what apt-get downloaded of ${wanted}`);
    const path = join(folder, archive);
    const root = join(folder, 'root');
    await runProcess(['dpkg-deb', '-x', path, root]);
    const { stdout } = await runProcess(['dpkg-deb', '-f', path, 'Version']);
    await rm(path);
    return { root, version: stdout.trim() };
  }

  /** The options that let apt-get use package lists of its own, with this architecture in them. */
  private async updateOwnLists(architecture: string): Promise<string[]> {
    const state = join(this.workDir, `apt-${architecture}`);
    await mkdir(join(state, 'lists', 'partial'), { recursive: true });
    await mkdir(join(state, 'cache', 'archives', 'partial'), { recursive: true });
    // With an empty status file apt thinks that nothing is installed, which a download does not mind.
    await writeFile(join(state, 'status'), '');
    const options = [
      `Dir::State::Lists=${join(state, 'lists')}`,
      `Dir::State::Status=${join(state, 'status')}`,
      `Dir::Cache=${join(state, 'cache')}`,
      `APT::Architecture=${architecture}`,
      `APT::Architectures=${architecture}`,
      'APT::Sandbox::User=',
    ].flatMap((option) => ['-o', option]);
    await runProcess(['apt-get', ...options, 'update'], { timeoutMs: DOWNLOAD_MS });
    return options;
  }
}

async function installedVersion(name: string): Promise<string | null> {
  const argv = ['dpkg-query', '-W', '-f', '${db:Status-Status} ${Version}', name];
  const { code, stdout } = await runProcess(argv, { allow: [0, 1] });
  const [status, version] = stdout.split(' ');
  return code === 0 && status === 'installed' && version !== undefined ? version : null;
}

export async function copyFromPackage(unpacked: UnpackedPackage, path: string, to: string): Promise<void> {
  try {
    await copyFile(join(unpacked.root, path), to);
  } catch (error) {
    throw new MusterError('internal', `cannot take ${path} out of its package: ${messageOf(error)}`, { cause: error });
  }
}

function remembered<T>(memory: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const known = memory.get(key) ?? make();
  memory.set(key, known);
  return known;
}
