import type { DeploymentDetail, RoleDetail, RunDetail, RunOutput } from '../api/contract/index.js';

/** Names of the bundle that `muster roles test` makes. */
const APPLICATION = 'tested';
const HOST = 'host';
/** Whose action looks at the nodes: a bare operating system beside what is tested. */
export const LOOKER = 'looker';

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

/** Laid over what is tested: one who looks at each of the machines. */
export function lookerOverlay(machines: readonly string[]): string {
  return JSON.stringify({ applications: { [LOOKER]: { role: 'os', num_units: machines.length, to: machines } } });
}

/** The machines of a deployment, without the containers that are on some. */
export function machinesOf({ nodes }: DeploymentDetail): string[] {
  return nodes
    .map(({ key }) => key)
    .filter((key) => !key.includes('/'))
    .sort();
}

/** What those who look have seen to change, with the machine where there are several. */
export function seenChanges(outputs: readonly RunOutput[], { units }: DeploymentDetail): string[] {
  const said = outputs.filter(({ name }) => name === 'changes');
  return said.flatMap(({ step, value }) => {
    const unit = units.find(({ name }) => step === `action/${name}:changes`);
    const where = said.length > 1 ? `node ${unit?.node ?? step}: ` : '';
    const lines = typeof value === 'string' ? value.split('\n') : [];
    return lines.filter((line) => line !== '').map((line) => `${where}${line}`);
  });
}

/** The steps by which the role's units are laid down that did not say, in this run, that they changed nothing. */
export function silentSteps(role: RoleDetail, deployment: DeploymentDetail, run: RunDetail): string[] {
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
