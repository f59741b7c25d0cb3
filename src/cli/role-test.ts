import type { DeploymentDetail, RoleDetail, RunDetail } from '../api/contract/index.js';

/** Names of the bundle that `muster roles test` makes. */
const APPLICATION = 'tested';
const HOST = 'host';

/**
 * The bundle in which a role is tested: the role's own `test.yaml`, or one unit of it on one machine; a role that rides on
 * others rides on a bare operating system.
 */
export function bundleForTest(role: RoleDetail, options: Readonly<Record<string, string>>): string {
  if (role.test !== null) return role.test;
  const typed = Object.fromEntries(
    Object.entries(options).map(([name, value]) => [name, typedValue(role, name, value)]),
  );
  const tested = { role: role.name, options: typed, ...(role.subordinate ? {} : { to: ['0'] }) };
  const ridden = role.requires.find((endpoint) => endpoint.interface === 'juju-info');
  return JSON.stringify({
    name: `test-${role.name}`,
    machines: { '0': {} },
    applications: { ...(role.subordinate ? { [HOST]: { role: 'os', to: ['0'] } } : {}), [APPLICATION]: tested },
    // The first that the cloud can give.
    muster: { bases: role.bases },
    relations: role.subordinate ? [[`${APPLICATION}:${ridden?.name ?? 'juju-info'}`, `${HOST}:juju-info`]] : [],
  });
}

/** The same machines with nothing on them: what the role left is taken away, and the machines stay to be looked at. */
export function bareBundle(role: string, machines: readonly string[]): string {
  return JSON.stringify({
    name: `test-${role}`,
    machines: Object.fromEntries(machines.map((key) => [key, {}])),
    applications: { bare: { role: 'os', num_units: machines.length, to: machines } },
  });
}

/** The steps by which the role's units are laid down that did not say, in this run, that they changed nothing. */
export function changedSteps(role: RoleDetail, deployment: DeploymentDetail, run: RunDetail): string[] {
  return stepsOn(role, deployment, 'apply').filter((key) => {
    const step = run.steps.find((each) => each.key === key);
    return step?.note?.startsWith('unchanged') !== true;
  });
}

/** Those of the role's steps for an occasion that a run had no step for. */
export function missingSteps(
  role: RoleDetail,
  deployment: DeploymentDetail,
  run: RunDetail,
  on: 'apply' | 'remove',
): string[] {
  const keys = new Set(run.steps.map((each) => each.key));
  // Steps that take units away have keys of their own.
  const prefix = on === 'remove' ? 'remove/' : '';
  return stepsOn(role, deployment, on).filter((key) => !keys.has(`${prefix}${key}`));
}

function stepsOn(role: RoleDetail, deployment: DeploymentDetail, on: string): string[] {
  const units = deployment.units.filter((unit) => unit.role === role.name);
  return units.flatMap((unit) =>
    role.steps.filter((each) => each.on === on).map((each) => `${unit.name}:${each.name}`),
  );
}

function typedValue(role: RoleDetail, name: string, value: string): string | number | boolean {
  const type = role.options.find((option) => option.name === name)?.type;
  if (type === 'boolean' && (value === 'true' || value === 'false')) return value === 'true';
  if ((type === 'int' || type === 'float') && value.trim() !== '' && Number.isFinite(Number(value)))
    return Number(value);
  return value;
}
