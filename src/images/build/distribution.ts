import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MusterError } from '../../error.js';
import { archivesOf, parseDeb822Sources, parseOneLineSources, type Archive } from './apt-sources.js';

interface Release {
  codename: string;
  mirror: string;
  /** Null: the security pocket is on the mirror itself, beside the others. */
  securityMirror: string | null;
  components: readonly string[];
  keyring: string;
  keyringPackage: string;
}

const DEBIAN = {
  mirror: 'http://deb.debian.org/debian',
  securityMirror: 'http://deb.debian.org/debian-security',
  components: ['main'],
  keyring: '/usr/share/keyrings/debian-archive-keyring.gpg',
  keyringPackage: 'debian-archive-keyring',
};
const UBUNTU = {
  mirror: 'http://archive.ubuntu.com/ubuntu',
  securityMirror: null,
  components: ['main', 'universe'],
  keyring: '/usr/share/keyrings/ubuntu-archive-keyring.gpg',
  keyringPackage: 'ubuntu-keyring',
};

const RELEASES: Record<string, Release> = {
  'debian@12': { codename: 'bookworm', ...DEBIAN },
  'debian@13': { codename: 'trixie', ...DEBIAN },
  'ubuntu@22.04': { codename: 'jammy', ...UBUNTU },
  'ubuntu@24.04': { codename: 'noble', ...UBUNTU },
};

/** Where the packages of a release come from, and what signs them. */
export interface PackageSource {
  codename: string;
  archives: readonly Archive[];
  keyring: string;
}

/**
 * Where to take a release's packages from: the given mirror, else this computer's own apt sources, else the
 * distribution's public archive. Throws where the release or the keyring is unknown.
 */
export function packageSource(
  os: string,
  release: string,
  options: { mirror?: string; keyring?: string; aptFolder?: string } = {},
): PackageSource {
  const known = RELEASES[`${os}@${release}`];
  if (known === undefined) {
    throw new MusterError('invalid', `cannot build ${os}@${release}: not a release that muster knows`, {
      hint: `Known: ${Object.keys(RELEASES).join(', ')}.`,
    });
  }
  const keyring = options.keyring ?? known.keyring;
  if (!existsSync(keyring)) {
    throw new MusterError('invalid', `cannot build ${os}@${release}: no keyring ${keyring} to check packages with`, {
      hint: `apt-get install ${known.keyringPackage}, or name another keyring.`,
    });
  }
  return { codename: known.codename, archives: archives(known, options), keyring };
}

/** The releases whose archive keys are installed here, in the order of the table. */
export function buildableReleases(): { os: string; release: string }[] {
  return Object.entries(RELEASES)
    .filter(([, { keyring }]) => existsSync(keyring))
    .map(([name]) => {
      const [os = '', release = ''] = name.split('@');
      return { os, release };
    });
}

/** The release of this computer, for what is built from its own distribution; Debian 12 where it is another. */
export function hostRelease(osRelease = readFileSync('/etc/os-release', 'utf8')): { os: string; release: string } {
  const field = (name: string) => new RegExp(`^${name}="?([^"\n]*)"?$`, 'm').exec(osRelease)?.[1] ?? '';
  const [os, release] = [field('ID'), field('VERSION_ID')];
  return `${os}@${release}` in RELEASES ? { os, release } : { os: 'debian', release: '12' };
}

function archives(known: Release, options: { mirror?: string; aptFolder?: string }): Archive[] {
  const pocket = (name: string) => `${known.codename}${name}`;
  const { components } = known;
  if (options.mirror !== undefined) {
    return [{ uri: options.mirror.replace(/\/+$/, ''), suite: known.codename, components }];
  }
  const own = archivesOf(readAptSources(options.aptFolder ?? '/etc/apt'), known.codename);
  if (own[0]?.suite === known.codename) return own;
  return [
    { uri: known.mirror, suite: pocket(''), components },
    { uri: known.mirror, suite: pocket('-updates'), components },
    { uri: known.securityMirror ?? known.mirror, suite: pocket('-security'), components },
  ];
}

function readAptSources(aptFolder: string): Archive[] {
  const parts = join(aptFolder, 'sources.list.d');
  const names = existsSync(parts) ? readdirSync(parts).sort() : [];
  const files = [join(aptFolder, 'sources.list'), ...names.map((name) => join(parts, name))];
  return files
    .filter((file) => existsSync(file))
    .flatMap((file) => {
      const text = readFileSync(file, 'utf8');
      if (file.endsWith('.sources')) return parseDeb822Sources(text);
      return file.endsWith('.list') ? parseOneLineSources(text) : [];
    });
}
