import { parseBase, sameBase, type Base } from '../base.js';
import type { Diagnostics } from '../diagnostics.js';
import { expectedNames } from '../near-miss.js';
import type { RoleYaml } from '../schema.js';
import type { Span } from '../source.js';
import type { YamlPath } from '../yaml-tree.js';

/** A package of the distribution that a role's scripts ask apt for. */
export interface RolePackage {
  name: string;
  /** Null: on all bases of the role. */
  bases: Base[] | null;
  /** By option: the values with which it is asked for; all of them have to fit. */
  when: Map<string, string[]>;
  /** `remove`: when the role is taken away. */
  on: 'apply' | 'remove';
  /** Units of systemd that must not start by the package alone; the role unmasks them. */
  masked: string[];
}

type Options = Readonly<Record<string, string | number | boolean | null>>;

/** Debian Policy, 5.6.1. */
const UNIT = /^[A-Za-z0-9][A-Za-z0-9:_.@-]{0,99}\.(?:service|socket|timer)$/;
const PACKAGE = /^[a-z0-9][a-z0-9+.-]{1,99}$/;

/** Reads `packages:` and tells what is wrong with it. */
export function readPackages(
  entries: NonNullable<RoleYaml['packages']>,
  options: readonly string[],
  at: (path: YamlPath) => Span,
  diagnostics: Diagnostics,
): RolePackage[] {
  return entries.map((entry, index): RolePackage => {
    const path: YamlPath = ['packages', index];
    const yaml = typeof entry === 'object' ? entry : { name: entry };
    const masked = (yaml.masked ?? []).map(String);
    for (const [n, unit] of masked.entries())
      if (!UNIT.test(unit))
        diagnostics.error(at([...path, 'masked', n]), `wrong name "${unit}"`, 'expected such as etcd.service');
    const name = String(yaml.name);
    const written = typeof entry === 'object' ? [...path, 'name'] : path;
    if (!PACKAGE.test(name)) diagnostics.error(at(written), `wrong name "${name}"`, 'name packages as dpkg does');
    const when = new Map(Object.entries(yaml.when ?? {}).map(([option, values]) => [option, texts(values)]));
    for (const option of when.keys())
      if (!options.includes(option))
        diagnostics.error(
          at([...path, 'when', option]),
          `unknown option "${option}"`,
          expectedNames(option, options, 'options'),
        );
    const bases = yaml.bases?.flatMap((base, n) => baseOf(String(base), [...path, 'bases', n])) ?? null;
    return { name, bases, when, on: yaml.on ?? 'apply', masked };
  });

  function baseOf(text: string, path: YamlPath): Base[] {
    const base = parseBase(text);
    if (base === null) diagnostics.error(at(path), `unknown base "${text}"`, 'expected such as debian@12');
    return base === null ? [] : [base];
  }
}

/** The names of those that a role asks for on a base, with these options; sorted. */
export function packagesOf(packages: readonly RolePackage[], base: Base, options: Options): string[] {
  return [...new Set(packagesAsked(packages, base, options).map(({ name }) => name))].sort();
}

/** Those that a role asks for on a base, with these options. */
export function packagesAsked(packages: readonly RolePackage[], base: Base, options: Options): RolePackage[] {
  return packages.filter(
    ({ bases, when }) =>
      (bases === null || bases.some((each) => sameBase(each, base))) &&
      [...when].every(([option, values]) => values.includes(String(options[option] ?? ''))),
  );
}

function texts(value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).map(String);
}
