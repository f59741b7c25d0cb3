import { machinesRoutes, type MachineDetail } from '../api/contract/index.js';
import type { CliContext } from './context.js';
import { age, bytes, fields } from './format.js';

export async function showMachine(context: CliContext, machine: string): Promise<void> {
  const found = await context.api.call(machinesRoutes.show, { params: { machine } });
  context.show(found, () => machineText(found));
}

function machineText(machine: MachineDetail): string {
  const now = new Date();
  const { power } = machine;
  const parameters = Object.entries(machine.powerParameters).map(([key, value]) => `${key}=${value}`);
  return fields([
    ['machine', machine.name],
    ['id', machine.id],
    ['state', `${machine.state}${machine.failed ? ' (failed)' : ''}`],
    ['reason', machine.reason],
    ['accepted', machine.accepted ? 'yes' : `no; muster machines accept ${machine.name}`],
    ['deployment', machine.deployment],
    ['image', machine.image],
    ['address', machine.address],
    ['MACs', machine.macs.join(' ')],
    ['UUID', machine.uuid],
    ['power', [power.driver ?? 'none', power.state, ...parameters].join(' ')],
    ['pool, zone', `${machine.pool}, ${machine.zone}`],
    ['tags', machine.tags.join(' ')],
    ['note', machine.note],
    ['CPU', machine.cores === null ? null : `${machine.cores} cores, ${machine.architecture ?? ''}`],
    ['memory', machine.memoryMegabytes === null ? null : bytes(machine.memoryMegabytes * 1024 * 1024)],
    ['disks', machine.diskBytes.map(bytes).join(', ')],
    ['run', machine.runId],
    ['host keys', machine.hostKeys.join('\n           ')],
    ['changed', age(machine.updatedAt, now)],
  ]);
}
