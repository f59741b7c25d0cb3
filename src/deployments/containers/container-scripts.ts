import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PlannedNode, PlannedUnit, RoleLibrary } from '../../bundles/index.js';
import type { NodeRequest } from '../../clouds/index.js';
import { MusterError } from '../../error.js';
import { packageRoot } from '../../platform/files/index.js';
import type { ContainerScripts } from './container-steps.js';

/** The role whose units lay what containers run on; its scripts do the same where a bundle has no unit of it. */
export const ENGINE_ROLE = 'lxd';
const FAN_ROLE = 'fan';

export function containerScripts(roles: RoleLibrary): ContainerScripts {
  const role = roles.get(ENGINE_ROLE);
  const texts = new Map(role?.files.map(({ name, text }) => [name, text]));
  texts.set('install.sh', role?.steps.get('install')?.script ?? '');
  const options = [...(role?.options ?? [])].map(([name, option]): [string, string] => [
    `OPT_${name.toUpperCase().replaceAll('-', '_')}`,
    String(option.default ?? ''),
  ]);
  return {
    file: (name) => {
      const text = texts.get(name) ?? '';
      if (text !== '') return text;
      throw new MusterError('internal', `cannot make containers: the role ${ENGINE_ROLE} has no ${name}`);
    },
    // The probe is of the role's own units, and so is what it is made of.
    defaults: { ...Object.fromEntries(options), OPT_PROBE: 'false' },
    cgroupFiles: ['muster-cgroups.sh', 'muster-cgroups.service'].map((path) => ({
      path,
      content: readFileSync(join(packageRoot(), 'tftp', 'container', path), 'utf8'),
    })),
  };
}

/** What the planner has to know of a container's host. */
export function insideOf(node: PlannedNode, units: readonly PlannedUnit[]): Pick<NodeRequest, 'inside'> {
  if (node.placement.kind === 'machine') return {};
  const host = node.placement.on;
  const laid = (role: string) => unitsOn(host, role, units);
  const after = [...laid(ENGINE_ROLE), ...laid(FAN_ROLE)].map((unit) => `${unit.name}:configure`);
  return { inside: { host, ...insideHost(host, units), after } };
}

/** Whether units of its own lay what containers on a host run on. */
export function insideHost(host: string, units: readonly PlannedUnit[]): { hasEngine: boolean; onFan: boolean } {
  const has = (role: string) => unitsOn(host, role, units).length > 0;
  return { hasEngine: has(ENGINE_ROLE), onFan: has(FAN_ROLE) };
}

const unitsOn = (host: string, role: string, units: readonly PlannedUnit[]) =>
  units.filter((unit) => unit.node === host && unit.role === role);
