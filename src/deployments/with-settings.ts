import { mergeSettings, settingOverlay, type Setting } from '../bundles/index.js';
import type { Deployment } from './deployment.entity.js';

/** Not a path that a bundle's own file can have. */
const SETTINGS_FILE = '(settings)';

/** What a deployment is with these settings over those that it has already. */
export function withSettings(
  { files, options }: Pick<Deployment, 'files' | 'options'>,
  settings: readonly Setting[],
): Pick<Deployment, 'files' | 'options'> {
  const merged = mergeSettings(options.settings ?? [], settings);
  if (merged.length === 0) return { files, options };
  const own = files.filter((file) => file.name !== SETTINGS_FILE);
  return { files: [...own, settingOverlay(merged, SETTINGS_FILE)], options: { ...options, settings: merged } };
}
