import type { Bundle, BundleApplication } from './bundle.js';
import type { RoleLibrary } from './roles/role.js';

export interface OptionChange {
  application: string;
  option: string;
  /** As written; null: the default; of a secret it is only told whether it is said. */
  before: string | null;
  after: string | null;
}

/** What two bundles say differently of the options of applications that are in both. */
export function optionChanges(before: Bundle, after: Bundle, roles: RoleLibrary): OptionChange[] {
  return [...after.applications.values()].flatMap((application) => {
    const earlier = before.applications.get(application.name);
    if (earlier === undefined) return [];
    const options = [...(roles.get(application.role.value)?.options ?? [])];
    return options.flatMap(([option, { secret }]) => {
      const change = { before: written(earlier, option), after: written(application, option) };
      if (change.before === change.after) return [];
      const shown = secret ? { before: hidden(change.before), after: hidden(change.after) } : change;
      return [{ application: application.name, option, ...shown }];
    });
  });
}

/** How a secret is shown that is said, wherever options are shown. */
export const SECRET_SHOWN = '(secret)';
const hidden = (value: string | null) => (value === null ? null : SECRET_SHOWN);

function written(application: BundleApplication, option: string): string | null {
  const said = application.options.get(option);
  return said === undefined ? null : (said.written ?? JSON.stringify(said.value.value));
}
