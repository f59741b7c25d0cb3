/** An operating system and its release: `debian@12`. */
export interface Base {
  os: string;
  release: string;
}

/** Ubuntu's and Debian's series by name (distro-info-data). */
const SERIES: Record<string, string> = {
  trusty: 'ubuntu@14.04',
  xenial: 'ubuntu@16.04',
  bionic: 'ubuntu@18.04',
  focal: 'ubuntu@20.04',
  jammy: 'ubuntu@22.04',
  noble: 'ubuntu@24.04',
  bullseye: 'debian@11',
  bookworm: 'debian@12',
  trixie: 'debian@13',
};

/** Reads `ubuntu@24.04/stable`, `debian@12` or a series such as `noble`. Null: it is none of these. */
export function parseBase(written: string): Base | null {
  const [, os, release] =
    /^([a-z][a-z0-9-]*)@([A-Za-z0-9.]+)(?:\/[a-z]+)?$/.exec(
      Object.hasOwn(SERIES, written) ? (SERIES[written] ?? '') : written,
    ) ?? [];
  return os === undefined || release === undefined ? null : { os, release };
}

export function formatBase(base: Base): string {
  return `${base.os}@${base.release}`;
}

export function sameBase(a: Base, b: Base): boolean {
  return a.os === b.os && a.release === b.release;
}
