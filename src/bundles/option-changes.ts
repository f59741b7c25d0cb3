import type { Bundle, BundleApplication } from './bundle.js';
import type { RoleLibrary } from './roles/role.js';

export interface OptionChange {
  application: string;
  option: string;
  /** As written; null: the default; of a secret it is only told whether it is said. */
  before: string | null;
  after: string | null;
}

/** A bundle, and the roles that it goes by. */
interface Side {
  bundle: Bundle;
  roles: RoleLibrary;
}

/**
 * What two bundles say differently of the options of applications that are in both. A value is shown only where the roles of
 * both know it as no secret: a bundle may bring a role of its own, which calls its options what it likes.
 */
export function optionChanges(before: Side, { bundle: after, roles }: Side): OptionChange[] {
  return [...after.applications.values()].flatMap((application) => {
    const earlier = before.bundle.applications.get(application.name);
    if (earlier === undefined) return [];
    const earlierOptions = before.roles.get(earlier.role.value)?.options;
    const options = [...(roles.get(application.role.value)?.options ?? [])];
    return options.flatMap(([option, { secret }]) => {
      const change = { before: written(earlier, option), after: written(application, option) };
      if (change.before === change.after) return [];
      const isShown = !secret && (change.before === null || earlierOptions?.get(option)?.secret === false);
      const shown = isShown ? change : { before: hidden(change.before), after: hidden(change.after) };
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
