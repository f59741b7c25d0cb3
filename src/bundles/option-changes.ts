import type { Bundle, BundleApplication } from './bundle.js';
import type { RoleLibrary } from './roles/role.js';

export interface OptionChange {
  application: string;
  option: string;
  /** As written; null: the default. */
  before: string | null;
  after: string | null;
}

/** What two bundles say differently of the options of applications that are in both. */
export function optionChanges(before: Bundle, after: Bundle, roles: RoleLibrary): OptionChange[] {
  return [...after.applications.values()].flatMap((application) => {
    const earlier = before.applications.get(application.name);
    if (earlier === undefined) return [];
    const names = [...(roles.get(application.role.value)?.options.keys() ?? [])];
    return names.flatMap((option) => {
      const change = { before: written(earlier, option), after: written(application, option) };
      return change.before === change.after ? [] : [{ application: application.name, option, ...change }];
    });
  });
}

function written(application: BundleApplication, option: string): string | null {
  const said = application.options.get(option);
  return said === undefined ? null : (said.written ?? JSON.stringify(said.value.value));
}
