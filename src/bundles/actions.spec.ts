import { describe, expect, it } from 'vitest';
import { checkPlan } from '../plan/index.js';
import { shippedRoles } from '../../test/support/shipped-bundles.js';
import { compileAction, compileBundle } from './compile.js';
import { formatDiagnostics } from './diagnostics.js';
import { loadBundle } from './load-bundle.js';
import { readParams } from './roles/role-action.js';
import { parseRole } from './roles/role.js';
import { isUnitStep } from './step-digest.js';

const HEAD = `role: store
summary: Keeps things
bases: [debian@12]
options: {port: {type: int, default: 1, description: Port}}
peers: {ring: store}
steps: {install: {run: do.sh, publishes: [url]}}
`;
const FILES = {
  'do.sh': '#!/bin/sh\ntrue\n',
  'read.sh': '#!/bin/sh\necho "$PARAM_WHO $PARAM_MANY $PARAM_SAID_FILE $OPT_PORT"\n',
};

function read(actions: string, files: Record<string, string> = FILES) {
  const { role, diagnostics } = parseRole({ name: 'role.yaml', text: `${HEAD}actions:\n${actions}\n` }, files);
  return { role, told: formatDiagnostics(diagnostics) };
}

const GOOD = `  copy:
    summary: Copies it
    run: read.sh
    params:
      who: {type: string, description: To whom, required: true}
      many: {type: int, default: 2, description: How many}
      said: {type: string, choices: [yes, no], description: What}
    after: [ring]
    publishes: [path]
    secrets: [key]
    timeout: 90s
    serial: true`;

describe('an action', () => {
  it('is read with its parameters', () => {
    const { role, told } = read(GOOD);
    expect(told).toBe('');
    const copy = role!.actions.get('copy')!;
    expect(copy).toMatchObject({ summary: 'Copies it', leader: false, serial: true, destructive: false });
    expect(copy.step).toMatchObject({ timeoutSeconds: 90, retries: 0, repeatable: false, publishes: ['path'] });
    expect([...copy.params.values()].map(({ type, default: value, required }) => [type, value, required])).toEqual([
      ['string', null, true],
      ['int', 2, false],
      ['string', null, false],
    ]);
  });

  it.each([
    ['  Copy: {summary: x, run: do.sh}', 'wrong name "Copy"'],
    ['  copy: {run: do.sh}', '"summary" is missing'],
    ['  copy: {summary: x}', '"run" is missing'],
    ['  copy: {summary: x, run: no.sh}', 'no.sh'],
    ['  copy: {summary: x, run: do.sh, param: {}}', 'unknown key "param"'],
    ['  copy: {summary: x, run: do.sh, after: [rin]}', '"rin" is no endpoint of this role'],
    ['  copy: {summary: x, run: do.sh, after: [install]}', '"install" is no endpoint of this role'],
    ['  copy: {summary: x, run: do.sh, publishes: [A-b]}', 'wrong name "A-b"'],
    ['  copy: {summary: x, run: do.sh, timeout: soon}', 'expected a time such as'],
    [
      '  copy: {summary: x, run: do.sh, params: {n: {type: int, default: x, description: N}}}',
      'wrong default for parameter "n"',
    ],
    [
      '  copy: {summary: x, run: do.sh, params: {n: {type: int, default: 1, required: true, description: N}}}',
      'is required and has a default',
    ],
    [
      '  copy: {summary: x, run: do.sh, params: {n: {type: text, description: N}}}',
      'one of string, int, float, boolean',
    ],
    [
      '  copy: {summary: x, run: do.sh, params: {n: {type: int, secret: true, description: N}}}',
      'parameter "n" cannot be secret',
    ],
    [
      '  copy: {summary: x, run: do.sh, params: {n: {type: string, secret: true, default: x, description: N}}}',
      'it has no default and no choices then',
    ],
    ['  copy: {summary: x, run: read.sh, params: {whom: {type: string, description: W}}}', 'reads PARAM_WHO'],
  ])('%s is told with its place', (text, expected) => {
    const { told } = read(text);
    expect(told).toContain(expected);
    expect(told).toMatch(/^role\.yaml:(7|8):\d+ /);
  });

  it('is no step: what runs on request is not said there', () => {
    const text = HEAD.replace('install: {run: do.sh', 'copy: {run: do.sh, on: action');
    const { role, diagnostics } = parseRole({ name: 'role.yaml', text }, FILES);
    expect(role).toBe(null);
    expect(formatDiagnostics(diagnostics)).toContain('one of apply, verify, remove');
  });

  it('takes parameters by their types, and tells all that is wrong at once', () => {
    const copy = read(GOOD).role!.actions.get('copy')!;
    expect(readParams(copy, { who: '$(x)', many: '-3' })).toEqual({
      values: { who: '$(x)', many: -3, said: null },
      problems: [],
    });
    expect(readParams(copy, { many: '1e3', said: 'perhaps', whom: 'x' }).problems).toEqual([
      'there is no parameter "whom"; did you mean "who"?',
      'who is missing: To whom',
      'wrong value for many: expected a whole number',
      'wrong value for said: expected one of yes, no',
    ]);
  });
});

describe('the plan of an action', () => {
  const roles = new Map([['store', read(GOOD).role!]]);
  const loaded = loadBundle([{ name: 'b.yaml', text: 'applications: {store: {role: store, num_units: 3}}' }], roles);
  const bundle = loaded.bundle!;
  const nodes = Object.fromEntries([0, 1, 2].map((n) => [`store-${n}`, { nodeId: `id-${n}`, address: `10.0.0.${n}` }]));
  const published = { 'store/0': { url: 'http://0' }, 'store/1': { url: 'http://1' }, 'store/2': { url: 'http://2' } };
  const known = { nodes, published, units: new Set(['store/0', 'store/1', 'store/2']) };
  const planOf = (units: string[]) =>
    compileAction(
      { bundle, roles, known },
      { units, action: roles.get('store')!.actions.get('copy')!, params: { who: '"$(x)"', many: 2, said: null } },
    ).plan.steps;

  it('has what the script is to know, and no value in its text', () => {
    const [step] = planOf(['store/1']);
    expect(step).toMatchObject({ key: 'action/store/1:copy', title: 'store/1: copy', after: [], timeoutSeconds: 90 });
    expect(step!.input.environment).toMatchObject({
      ...{ PARAM_WHO: '"$(x)"', PARAM_MANY: '2', PARAM_SAID: '', OPT_PORT: '1', UNIT: 'store/1' },
      ...{ REL_RING_UNITS: '2', REL_RING_0_UNIT: 'store/0', REL_RING_0_URL: 'http://0' },
    });
    expect(step!.input.input).toMatchObject({ params: { who: '"$(x)"', many: 2, said: null }, unit: 'store/1' });
    expect(step!.input).toMatchObject({ script: FILES['read.sh'], publishes: ['path', 'key'], secrets: ['key'] });
    expect(isUnitStep(step!.key)).toBe(false);
  });

  it('has of secret parameters where the step finds them alone', () => {
    const text = GOOD.replace('description: To whom', 'secret: true, description: To whom');
    const own = new Map([['store', read(text).role!]]);
    const action = own.get('store')!.actions.get('copy')!;
    const params = { who: 'hunter2', many: 2, said: null };
    const { plan } = compileAction({ bundle, roles: own, known }, { units: ['store/1'], action, params });
    const reference = { $output: { step: 'action/store/1:copy', name: 'given.who' } };
    expect(plan.steps[0]).toMatchObject({
      given: ['given.who'],
      input: {
        environment: { PARAM_WHO: reference, PARAM_MANY: '2' },
        input: { params: { who: reference, many: 2, said: null } },
      },
    });
    expect(JSON.stringify(plan)).not.toContain('hunter2');
    expect(checkPlan(plan, () => true)).toEqual([]);
    expect(checkPlan({ steps: [{ ...plan.steps[0]!, given: [] }] }, () => true)).toHaveLength(2);
  });

  it('goes from unit to unit where it is serial', () => {
    expect(planOf(['store/2', 'store/0', 'store/1']).map(({ key, after }) => [key, after])).toEqual([
      ['action/store/0:copy', []],
      ['action/store/1:copy', ['action/store/0:copy']],
      ['action/store/2:copy', ['action/store/1:copy']],
    ]);
  });

  it('is no part of laying down', () => {
    expect(compileBundle({ bundle, roles }).plan.steps.map(({ key }) => key)).toEqual(
      [0, 1, 2].map((n) => `store/${n}:install`),
    );
  });
});

it('shipped roles have the actions that their users look for', () => {
  const named = [...shippedRoles()].flatMap(([role, { actions }]) =>
    [...actions.keys()].map((name) => `${role} ${name}`),
  );
  expect(named).toEqual(
    expect.arrayContaining(['etcd snapshot', 'hello greet', 'kubernetes-worker drain', 'kubernetes-worker uncordon']),
  );
});
