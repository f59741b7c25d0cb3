import type { Base } from './base.js';
import type { Bundle } from './bundle.js';
import { fillOptions, type RoleArtifact } from './roles/artifact.js';
import { packagesAsked } from './roles/packages.js';
import type { RoleDefinition, RoleLibrary } from './roles/role.js';
import { optionsOf } from './unit-steps.js';

/** What roles have to have on a node before they can be laid down, known before there is one. */
export interface RoleNeeds {
  /** Sorted. */
  packages: string[];
  /** Units of systemd that must not start by their package alone. */
  masked: string[];
  /** With options in their texts; `${arch}` stays. */
  artifacts: RoleArtifact[];
}

type Options = Parameters<typeof fillOptions>[1];

/** Of roles with their options' defaults. */
export function needsOfRoles(roles: readonly RoleDefinition[], base: Base): RoleNeeds {
  return together(roles.map((role) => needsOf(role, base, defaultsOf(role))));
}

/** Of a bundle's applications, whatever node they are on; and of more roles, with their options' defaults. */
export function needsOfBundle(
  bundle: Bundle,
  roles: RoleLibrary,
  base: Base,
  more: readonly RoleDefinition[] = [],
): RoleNeeds {
  const applications = [...bundle.applications.values()];
  const own = applications.flatMap(({ name, role: { value } }) => {
    const role = roles.get(value);
    return role === undefined ? [] : [needsOf(role, base, optionsOf(bundle, name, role))];
  });
  return together([...own, ...more.map((role) => needsOf(role, base, defaultsOf(role)))]);
}

const defaultsOf = (role: RoleDefinition): Options =>
  Object.fromEntries([...role.options].map(([name, option]) => [name, option.default]));

function needsOf(role: RoleDefinition, base: Base, options: Options): RoleNeeds {
  const asked = packagesAsked(role.packages, base, options).filter(({ on }) => on === 'apply');
  const fill = (text: string) => fillOptions(text, options);
  const artifacts = [...role.artifacts.values()].map((artifact) => ({
    ...artifact,
    url: fill(artifact.url),
    sha256: fill(artifact.sha256).toLowerCase(),
    sha256From: fill(artifact.sha256From),
  }));
  return {
    packages: asked.map(({ name }) => name),
    masked: asked.flatMap(({ masked }) => masked),
    artifacts: artifacts.filter(({ url }) => url !== ''),
  };
}

function together(needs: readonly RoleNeeds[]): RoleNeeds {
  const sorted = (names: string[]) => [...new Set(names)].sort();
  return {
    packages: sorted(needs.flatMap(({ packages }) => packages)),
    masked: sorted(needs.flatMap(({ masked }) => masked)),
    artifacts: [
      ...new Map(needs.flatMap(({ artifacts }) => artifacts.map((each) => [each.url, each] as const))).values(),
    ],
  };
}
