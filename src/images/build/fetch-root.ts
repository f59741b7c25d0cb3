import { mkdir, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { runProcess } from '../../platform/process/index.js';
import type { PackageSource } from './distribution.js';
import { runMmdebstrap } from './run-mmdebstrap.js';

/** Never needed where disk and memory are counted. */
const DOCUMENTATION = ['./usr/share/doc', './usr/share/man', './usr/share/locale', './usr/share/info'];

export interface RootOptions {
  packages: readonly string[];
  signal?: AbortSignal;
  onOutput?: (text: string) => void;
}

export function sourceLines(source: PackageSource): string[] {
  return source.archives.map((a) => `deb [signed-by=${source.keyring}] ${a.uri} ${a.suite} ${a.components.join(' ')}`);
}

/** Unpacks packages and what they depend on into `folder`, using the one around it, without running anything of theirs. */
export async function unpackPackages(source: PackageSource, folder: string, options: RootOptions): Promise<void> {
  const tar = `${folder}.tar`;
  await runMmdebstrap(
    [
      '--variant=extract',
      '--aptopt=APT::Install-Recommends "false"',
      '--aptopt=Acquire::Languages "none"',
      `--include=${options.packages.join(',')}`,
      source.codename,
      tar,
      ...sourceLines(source),
    ],
    dirname(folder),
    { signal: options.signal, onOutput: options.onOutput },
  );
  await mkdir(folder, { recursive: true });
  const unwanted = DOCUMENTATION.flatMap((path) => ['--exclude', path]);
  await runProcess(['tar', '-xf', tar, '-C', folder, '--no-same-owner', ...unwanted], { signal: options.signal });
  await rm(tar);
}
