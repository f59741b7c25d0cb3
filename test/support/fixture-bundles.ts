import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { BundleFile } from '../../src/bundles/index.js';
import { readBundle } from '../../src/cli/bundle-files.js';

export const FIXTURE_BUNDLES = join(import.meta.dirname, '../fixtures/bundles');

export function fixtureBundleNames(): string[] {
  const entries = readdirSync(FIXTURE_BUNDLES, { withFileTypes: true });
  return entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
}

/** The files of a case, as `muster up` would send them: `overlay-…` are laid over its bundle. */
export function fixtureBundle(name: string): BundleFile[] {
  const folder = join(FIXTURE_BUNDLES, name);
  const found = readdirSync(folder).filter((file) => file.startsWith('overlay-'));
  const { files, overlays } = readBundle(
    folder,
    found.sort().map((file) => join(folder, file)),
  );
  const layers = [files[0]!.path, ...overlays];
  const sent = files.map(({ path, text, encoding }): BundleFile => ({
    ...{ name: path, text },
    ...(encoding ? { encoding } : {}),
    ...(layers.includes(path) ? {} : { attached: true as const }),
  }));
  return [...layers.map((path) => sent.find((file) => file.name === path)!), ...sent.filter((file) => file.attached)];
}
