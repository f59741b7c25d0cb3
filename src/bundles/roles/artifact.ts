import { expectedNames } from '../near-miss.js';
import type { Diagnostics } from '../diagnostics.js';
import type { RoleYaml } from '../schema.js';
import type { Span } from '../source.js';
import type { YamlPath } from '../yaml-tree.js';

/** A file that a role has fetched. Texts may hold `${option}` and `${arch}`. */
export interface RoleArtifact {
  name: string;
  url: string;
  /** Empty, or an option that is left empty: the sum is read from `sha256From` and kept. */
  sha256: string;
  sha256From: string;
  optional: boolean;
}

type Key = 'url' | 'sha256' | 'sha256-from';

/** Reads `artifacts:` and tells what is wrong with it. */
export function readArtifacts(
  entries: NonNullable<RoleYaml['artifacts']>,
  options: readonly string[],
  at: (path: string[]) => Span,
  diagnostics: Diagnostics,
): Map<string, RoleArtifact> {
  const artifacts = Object.entries(entries).map(([name, yaml]): [string, RoleArtifact] => {
    const placeOf = (key?: string) => at(['artifacts', name, ...(key === undefined ? [] : [key])]);
    return [name, readArtifact(name, yaml, options, placeOf, diagnostics)];
  });
  return new Map(artifacts);
}

/** Tells where a step names an artifact that its role has not. */
export function checkUses(
  role: { artifacts: ReadonlyMap<string, RoleArtifact>; steps: ReadonlyMap<string, { artifacts: string[] }> },
  at: (path: YamlPath) => Span,
  diagnostics: Diagnostics,
): void {
  for (const [step, { artifacts }] of role.steps)
    for (const [index, name] of artifacts.entries())
      if (!role.artifacts.has(name)) {
        const hint = expectedNames(name, [...role.artifacts.keys()], 'artifacts');
        diagnostics.error(at(['steps', step, 'artifacts', index]), `the role has no artifact "${name}"`, hint);
      }
}

/** `at` gives the place of a key, or of the whole entry. */
function readArtifact(
  name: string,
  yaml: NonNullable<RoleYaml['artifacts']>[string],
  options: readonly string[],
  at: (key?: Key) => Span,
  diagnostics: Diagnostics,
): RoleArtifact {
  const artifact = {
    name,
    url: String(yaml.url),
    sha256: String(yaml.sha256 ?? '').toLowerCase(),
    sha256From: String(yaml['sha256-from'] ?? ''),
    optional: yaml.optional ?? false,
  };
  const texts: [Key, string][] = [
    ['url', artifact.url],
    ['sha256', artifact.sha256],
    ['sha256-from', artifact.sha256From],
  ];
  for (const [key, text] of texts)
    for (const unknown of namesIn(text).filter((each) => each !== 'arch' && !options.includes(each)))
      diagnostics.error(
        at(key),
        `unknown option "${unknown}"`,
        expectedNames(unknown, [...options, 'arch'], 'options'),
      );
  if (artifact.sha256 === '' && artifact.sha256From === '')
    diagnostics.error(at(), `nothing tells the SHA-256 of "${name}"`, 'expected sha256: or sha256-from:');
  if (!/^(https?:\/\/|\$\{)/.test(artifact.url))
    diagnostics.error(at('url'), `wrong address "${artifact.url}"`, 'expected https://…, or http://… with its sha256');
  if (artifact.url.startsWith('http:') && artifact.sha256 === '')
    diagnostics.error(at('url'), `"${name}" comes by http without its sha256`, 'expected https://…, or sha256:');
  if (!/^(https:\/\/|\$\{|$)/.test(artifact.sha256From))
    diagnostics.error(at('sha256-from'), `wrong address "${artifact.sha256From}"`, 'expected https://…');
  if (!isSum(artifact.sha256) && !artifact.sha256.includes('${'))
    diagnostics.error(at('sha256'), `"${artifact.sha256}" is no SHA-256`, 'expected 64 digits of hex');
  return artifact;
}

/** The names in a text's `${…}`. */
function namesIn(text: string): string[] {
  return [...text.matchAll(/\$\{([^}]*)\}/g)].map(([, name]) => name ?? '');
}

/** A text with the values of options in it; `${arch}` stays. */
export function fillOptions(text: string, options: Readonly<Record<string, string | number | boolean | null>>): string {
  return text.replaceAll(/\$\{([^}]*)\}/g, (written, name: string) =>
    Object.hasOwn(options, name) ? String(options[name] ?? '') : written,
  );
}

export function isSum(text: string): boolean {
  return text === '' || /^[0-9a-f]{64}$/.test(text);
}
