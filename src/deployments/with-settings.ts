import { placementsOfSettings, mergeSettings, settingOverlay, type Bundle, type Setting } from '../bundles/index.js';
import type { Deployment } from './deployment.entity.js';

/** Not a path that a bundle's own file can have. */
const SETTINGS_FILE = '(settings)';

type Said = Pick<Deployment, 'files' | 'options'>;

/** What a deployment is with these settings over those that it has already. `bundleOf` reads files; null: it cannot. */
export function withSettings(
  { files, options }: Said,
  settings: readonly Setting[],
  bundleOf: (said: Pick<Said, 'files'>) => Bundle | null,
): Said {
  const merged = mergeSettings(options.settings ?? [], settings);
  if (merged.length === 0) return { files, options };
  const own = files.filter((file) => file.name !== SETTINGS_FILE);
  const bundle = bundleOf({ files: own });
  const to = bundle === null ? new Map<string, string[]>() : placementsOfSettings(merged, bundle);
  return { files: [...own, settingOverlay(merged, SETTINGS_FILE, to)], options: { ...options, settings: merged } };
}
