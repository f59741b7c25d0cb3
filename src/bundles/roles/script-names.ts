import type { Diagnostics } from '../diagnostics.js';
import { expectedNames } from '../near-miss.js';
import type { Span } from '../source.js';

interface Scripted {
  name: string;
  script: string | null;
  after: string[];
}

/** What of a role its scripts can name. */
interface Named<Step extends Scripted> {
  options: ReadonlyMap<string, unknown>;
  requires: ReadonlyMap<string, string>;
  provides: ReadonlyMap<string, string>;
  peers: ReadonlyMap<string, string>;
  steps: ReadonlyMap<string, Step>;
}

/** The name of an option, an endpoint or a value as a script knows it. */
export const variableOf = (name: string) => name.toUpperCase().replaceAll('-', '_');

/**
 * Tells where a script reads a variable that it will not have: an option that the role has not, or an endpoint that the
 * step does not wait for. A notice: a script may well set a variable of such a name itself.
 */
export function checkScriptNames<Step extends Scripted>(
  role: Named<Step>,
  about: { heardBy: (step: Step) => readonly string[]; at: (step: Step) => Span },
  diagnostics: Diagnostics,
): void {
  const options = new Map([...role.options.keys()].map((name) => [`OPT_${variableOf(name)}`, name]));
  const endpoints = [...role.requires.keys(), ...role.provides.keys(), ...role.peers.keys()];
  for (const step of role.steps.values()) {
    const heard = about.heardBy(step);
    for (const endpoint of endpoints.filter((name) => !heard.includes(name) && reads(step, `REL_${variableOf(name)}_`)))
      diagnostics.notice(
        about.at(step),
        `the script of step "${step.name}" reads REL_${variableOf(endpoint)}_…, but the step does not wait for "${endpoint}"`,
        `after: [${[...step.after, endpoint].join(', ')}]`,
      );
    for (const name of unknownOptions(step, options))
      diagnostics.notice(
        about.at(step),
        `the script of step "${step.name}" reads ${name}, and the role has no such option`,
        () => expectedNames(name, options.keys(), 'options'),
      );
  }
}

function reads({ script }: Scripted, prefix: string): boolean {
  return script !== null && new RegExp(`(?:\\$\\{?!?|=)${prefix}`).test(script);
}

/** A variable that the script gives a default, or sets, is no slip. */
function unknownOptions({ script }: Scripted, options: ReadonlyMap<string, string>): string[] {
  const read = [...(script ?? '').matchAll(/\$(?:(OPT_[A-Z0-9_]+)|\{(OPT_[A-Z0-9_]+)\})/g)];
  const names = new Set(read.map(([, plain, braced]) => plain ?? braced ?? ''));
  const known = (name: string) => options.has(name.replace(/_FILE$/, '')) || options.has(name);
  return [...names].filter((name) => !known(name) && script?.includes(`${name}=`) !== true);
}
