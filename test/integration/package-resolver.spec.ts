import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { PackageResolver } from '../../src/images/index.js';

it('a package that was fetched before is named again: for other packages, and another time', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'muster-resolver-'));
  const system = { os: 'debian', release: '12', architecture: 'amd64' };
  const names = async (resolver: PackageResolver, ...wanted: string[]) =>
    (await resolver.fetch(wanted, { status: '' })).map(({ fileName }) => fileName.replace(/_.*/, ''));
  try {
    const first = new PackageResolver(folder, system);
    expect(await names(first, 'netbase')).toEqual(['netbase']);
    expect(await names(first, 'netbase', 'media-types')).toEqual(['media-types', 'netbase']);
    expect(await names(new PackageResolver(folder, system), 'netbase')).toEqual(['netbase']);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}, 120_000);
