import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, MusterError } from '../../error.js';
import { runProcess } from '../../platform/process/index.js';
import { describeFile, packageSource, sourceLines, type BuiltFile } from '../build/index.js';

export interface ResolveOptions {
  /** What is installed already, as dpkg keeps it (`/var/lib/dpkg/status`); empty: nothing, so that all is brought. */
  status: string;
  signal?: AbortSignal;
  onOutput?: (text: string) => void;
}

/** A package on this computer. */
export interface PackageFile extends BuiltFile {
  fileName: string;
}

const UPDATE_MS = 10 * 60_000;
const DOWNLOAD_MS = 2 * 3600_000;

/**
 * Finds what packages of a distribution need on a system, by apt with folders of its own: neither what this computer has
 * installed nor its package lists count. Every file is checked by apt against the distribution's signature.
 */
export class PackageResolver {
  private updated: Promise<void> | null = null;

  constructor(
    /** Its own; may be there from an earlier time, and is gone on with. */
    private readonly folder: string,
    private readonly system: { os: string; release: string; architecture: string; mirror?: string },
  ) {}

  /**
   * Fetches each of the packages with all that it needs there, and what all of them need together, where they are not
   * such as stand in for one another. In the order of their names.
   */
  async fetch(names: readonly string[], options: ResolveOptions): Promise<PackageFile[]> {
    this.updated ??= this.update(options);
    await this.updated;
    await writeFile(join(this.folder, 'status'), options.status);
    const wanted = new Set<string>();
    for (const name of names) for (const file of await this.bring([name], options)) wanted.add(file);
    const together = names.length < 2 ? [] : await this.bring(names, options).catch(notBySignal(options.signal));
    for (const file of together) wanted.add(file);
    return this.described([...wanted].sort());
  }

  private async bring(names: readonly string[], options: ResolveOptions): Promise<string[]> {
    const wanted = await this.choose(names, options);
    if (wanted.length > 0) await this.run(['install', '--download-only', '-y', ...names], options, DOWNLOAD_MS);
    return wanted;
  }

  private async described(wanted: readonly string[]): Promise<PackageFile[]> {
    const archives = join(this.folder, 'cache', 'archives');
    const there = new Set(await readdir(archives));
    const files: PackageFile[] = [];
    for (const name of wanted) {
      if (!there.has(name)) throw new MusterError('internal', `cannot find ${name}, which apt fetched`);
      // apt writes the colon of an epoch as %3a.
      const fileName = name.replaceAll(/%3a/gi, '.').replaceAll(/[^A-Za-z0-9._+~-]/g, '_');
      files.push({ ...(await describeFile(join(archives, name))), fileName });
    }
    return files;
  }

  /** The names of the files that apt would fetch. */
  private async choose(names: readonly string[], options: ResolveOptions): Promise<string[]> {
    const { os, release } = this.system;
    // apt prints what it would fetch, and that is not what it has already: it is shown a folder that has nothing.
    const empty = ['-o', `Dir::Cache::Archives=${join(this.folder, 'none')}`];
    const argv = [...empty, 'install', '--print-uris', '-y', '-qq', ...names];
    const { stdout } = await this.run(argv, options, UPDATE_MS).catch((error: unknown) => {
      throw new MusterError(
        'invalid',
        `cannot find what ${names.join(', ')} need on ${os}@${release}: ${messageOf(error)}`,
        {
          cause: error,
        },
      );
    });
    return [...stdout.matchAll(/^'[^']*' (\S+) \d+/gm)].map(([, name = '']) => name).sort();
  }

  private async update(options: ResolveOptions): Promise<void> {
    const { os, release, mirror } = this.system;
    const source = packageSource(os, release, mirror === undefined ? {} : { mirror });
    await mkdir(join(this.folder, 'lists', 'partial'), { recursive: true });
    await mkdir(join(this.folder, 'cache', 'archives', 'partial'), { recursive: true });
    await mkdir(join(this.folder, 'none', 'partial'), { recursive: true });
    await writeFile(join(this.folder, 'sources.list'), `${sourceLines(source).join('\n')}\n`);
    await writeFile(join(this.folder, 'status'), '');
    const failed = (error: unknown) => {
      throw new MusterError('unavailable', `cannot read the package lists of ${os}@${release}: ${messageOf(error)}`, {
        hint: 'check that this computer reaches the package archive',
        cause: error,
      });
    };
    await this.run(['update', '--error-on=any'], options, UPDATE_MS).catch(failed);
  }

  private run(argv: readonly string[], { signal, onOutput }: ResolveOptions, timeoutMs: number) {
    const { architecture } = this.system;
    const own = {
      'Dir::Etc::SourceList': join(this.folder, 'sources.list'),
      'Dir::Etc::SourceParts': '/dev/null',
      'Dir::Etc::Preferences': '/dev/null',
      'Dir::Etc::PreferencesParts': '/dev/null',
      'Dir::State': this.folder,
      'Dir::State::Lists': join(this.folder, 'lists'),
      'Dir::State::Status': join(this.folder, 'status'),
      'Dir::Cache': join(this.folder, 'cache'),
      'Dir::Log': join(this.folder, 'log'),
      'APT::Architecture': architecture,
      'APT::Architectures': architecture,
      'APT::Install-Recommends': 'false',
      'APT::Sandbox::User': '',
      'Acquire::Languages': 'none',
    };
    const settings = Object.entries(own).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
    return runProcess(['apt-get', '-q', ...settings, ...argv], { signal, onOutput, timeoutMs });
  }
}

/** Packages that conflict cannot be had together; each has been brought by itself. */
function notBySignal(signal: AbortSignal | undefined): () => string[] {
  return () => {
    signal?.throwIfAborted();
    return [];
  };
}

/**
 * A `Packages` file for a flat repository in which each package is `<sha256>/<fileName>` (sources.list(5), "exact path";
 * deb822 stanzas as dpkg-scanpackages writes them).
 */
export async function packagesIndex(files: readonly PackageFile[], signal?: AbortSignal): Promise<string> {
  const stanzas: string[] = [];
  for (const { path, fileName, sha256, sizeBytes } of files) {
    const { stdout } = await runProcess(['dpkg-deb', '-f', path], { signal });
    const place = `Filename: ${sha256}/${fileName}\nSize: ${sizeBytes}\nSHA256: ${sha256}\n`;
    stanzas.push(`${stdout.trimEnd()}\n${place}`);
  }
  return stanzas.join('\n');
}
