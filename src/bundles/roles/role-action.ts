import type { Diagnostics } from '../diagnostics.js';
import { secondsOf } from '../duration.js';
import { expectedNames } from '../near-miss.js';
import type { RoleYaml } from '../schema.js';
import { keySpanAt, nodeAt, spanAt, textOf, type YamlNode, type YamlPath } from '../yaml-tree.js';
import { fileText } from './role-files.js';
import { expectedOption, readOption, type RoleOption } from './role-option.js';
import type { RoleStep } from './role.js';
import { variableOf } from './script-names.js';

/** What is said to an action when it is asked for. */
export interface RoleParam extends RoleOption {
  required: boolean;
}

/** What a role does on request: `muster action etcd/0 snapshot`. */
export interface RoleAction {
  name: string;
  summary: string;
  params: Map<string, RoleParam>;
  /** On unit 0 of the application alone. */
  leader: boolean;
  /** Where several units are asked: one after the other; none after one that failed. */
  serial: boolean;
  /** The command asks before it. */
  destructive: boolean;
  /** What is run, without a place among the role's steps. */
  step: RoleStep;
}

type ActionYaml = NonNullable<RoleYaml['actions']>[string];

interface Around {
  root: YamlNode;
  files: Readonly<Record<string, string>>;
  endpoints: readonly string[];
  diagnostics: Diagnostics;
}

const NAME = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;
const KEY = /^[a-z][a-z0-9_]*$/;
const DEFAULT_SECONDS = 600;

/** Reads `actions:` and tells what is wrong with it. */
export function readActions(yaml: NonNullable<RoleYaml['actions']>, around: Around): Map<string, RoleAction> {
  return new Map(Object.entries(yaml).map(([name, action]) => [name, new ActionReader(name, action, around).read()]));
}

class ActionReader {
  constructor(
    private readonly name: string,
    private readonly yaml: ActionYaml,
    private readonly around: Around,
  ) {}

  read(): RoleAction {
    const { name, yaml } = this;
    this.checkName([], name, NAME);
    const params = new Map(Object.entries(yaml.params ?? {}).map(([param, said]) => [param, this.param(param, said)]));
    const action: RoleAction = {
      ...{ name, summary: String(yaml.summary), params },
      ...{ leader: yaml.leader ?? false, serial: yaml.serial ?? false, destructive: yaml.destructive ?? false },
      step: this.step(),
    };
    this.checkAfter(action.step.after);
    this.checkParamsRead(action);
    return action;
  }

  private step(): RoleStep {
    const { name, yaml } = this;
    const { files, diagnostics } = this.around;
    for (const key of ['publishes', 'secrets'] as const)
      for (const [index, value] of (yaml[key] ?? []).entries()) this.checkName([key, index], String(value), KEY);
    const timeoutSeconds = secondsOf(yaml.timeout) ?? DEFAULT_SECONDS;
    return {
      ...{ name, title: null, on: 'action', waitTcp: null, check: null, answers: new Map(), artifacts: [] },
      script: fileText(String(yaml.run), files, this.at('run'), diagnostics),
      after: (yaml.after ?? []).map(String),
      publishes: (yaml.publishes ?? []).map(String),
      secrets: new Map((yaml.secrets ?? []).map((key) => [String(key), []])),
      ...{ timeoutSeconds, stallSeconds: timeoutSeconds, retries: 0, repeatable: yaml.repeatable ?? false },
      ...{
        destructive: yaml.destructive ?? false,
        leader: false,
        batch: null,
        reboot: false,
        outside: false,
        everySeconds: null,
      },
    };
  }

  private param(name: string, yaml: NonNullable<ActionYaml['params']>[string]): RoleParam {
    this.checkName(['params', name], name, NAME);
    const param: RoleParam = {
      ...{ type: yaml.type, default: null, description: String(yaml.description) },
      ...{
        choices: (yaml.choices ?? []).map(String),
        from: null,
        secret: yaml.secret ?? false,
        required: yaml.required ?? false,
      },
    };
    if (param.secret) this.checkSecret(name, param, yaml.default !== undefined);
    if (yaml.default === undefined) return param;
    const written = textOf(nodeAt(this.around.root, this.path('params', name, 'default')));
    const read = readOption(param, yaml.default, written);
    const at = this.at('params', name, 'default');
    if (read === null)
      this.around.diagnostics.error(at, `wrong default for parameter "${name}"`, `expected ${expectedOption(param)}`);
    if (param.required)
      this.around.diagnostics.error(at, `parameter "${name}" is required and has a default`, 'one of the two');
    return { ...param, default: read };
  }

  /** What stands in a role is no secret. */
  private checkSecret(name: string, { type, choices }: RoleParam, hasDefault: boolean): void {
    const at = this.at('params', name, 'secret');
    const refuse = (why: string) => this.around.diagnostics.error(at, `parameter "${name}" cannot be secret`, why);
    if (type !== 'string') refuse('type: string');
    if (hasDefault || choices.length > 0) refuse('it has no default and no choices then');
  }

  private checkAfter(after: readonly string[]): void {
    const { endpoints, diagnostics } = this.around;
    for (const [index, name] of after.entries()) {
      if (endpoints.includes(name)) continue;
      const hint = () => expectedNames(name, endpoints, 'endpoints');
      diagnostics.error(this.at('after', index), `"${name}" is no endpoint of this role`, hint);
    }
  }

  /** A notice: a script may well set a variable of such a name itself. */
  private checkParamsRead({ params, step: { script } }: RoleAction): void {
    const known = new Set([...params.keys()].map((name) => `PARAM_${variableOf(name)}`));
    const read = [...(script ?? '').matchAll(/\$\{?(PARAM_[A-Z0-9_]+)/g)].map(([, name]) => name ?? '');
    for (const name of new Set(read)) {
      if (known.has(name.replace(/_FILE$/, '')) || known.has(name) || script?.includes(`${name}=`)) continue;
      const hint = () => expectedNames(name, known, 'parameters');
      this.around.diagnostics.notice(
        keySpanAt(this.around.root, this.path()),
        `the script of action "${this.name}" reads ${name}, and the action has no such parameter`,
        hint,
      );
    }
  }

  private checkName(path: YamlPath, name: string, pattern: RegExp): void {
    if (pattern.test(name)) return;
    const full = this.path(...path);
    const at = typeof path.at(-1) === 'number' ? spanAt(this.around.root, full) : keySpanAt(this.around.root, full);
    const how = pattern === KEY ? 'underscores' : 'hyphens';
    this.around.diagnostics.error(at, `wrong name "${name}"`, `expected small letters, digits and ${how}`);
  }

  private path(...path: YamlPath): YamlPath {
    return ['actions', this.name, ...path];
  }

  private at(...path: YamlPath) {
    return spanAt(this.around.root, this.path(...path));
  }
}

/** The values of an action's parameters from what was written, or what is wrong with it, all at once. */
export function readParams(
  action: RoleAction,
  said: Readonly<Record<string, string>>,
): { values: Record<string, string | number | boolean | null>; problems: string[] } {
  const problems = Object.keys(said)
    .filter((name) => !action.params.has(name))
    .map((name) => `there is no parameter "${name}"; ${expectedNames(name, action.params.keys(), 'parameters')}`);
  const values = [...action.params].map(([name, param]): [string, string | number | boolean | null] => {
    const written = said[name];
    if (written === undefined && param.required) problems.push(`${name} is missing: ${param.description}`);
    if (written === undefined) return [name, param.default];
    const read = readOption(param, plainOf(param, written), written);
    if (read === null) problems.push(`wrong value for ${name}: expected ${expectedOption(param)}`);
    return [name, read];
  });
  return { values: Object.fromEntries(values), problems };
}

/** The secrets among the values that were said, by the names under which a step is given them. */
export function secretsAmong(
  { params }: Pick<RoleAction, 'params'>,
  values: Readonly<Record<string, string | number | boolean | null>>,
): Record<string, string> {
  const said = Object.entries(values).filter(([name, value]) => params.get(name)?.secret === true && value !== null);
  return Object.fromEntries(said.map(([name, value]) => [givenName(name), String(value)]));
}

/** No script can publish under such a name by mistake. */
export const givenName = (param: string) => `given.${param}`;

function plainOf({ type }: RoleParam, written: string): unknown {
  if (type === 'string') return written;
  if (type === 'boolean') return written === 'true' ? true : written === 'false' ? false : null;
  return /^-?\d+(?:\.\d+)?$/.test(written) ? Number(written) : null;
}
