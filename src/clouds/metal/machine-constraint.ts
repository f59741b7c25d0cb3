import type { MachineConstraint } from '../../machines/index.js';
import type { NodeConstraints } from '../provider.js';

/** What a bundle asks of a node, as the inventory asks it of a machine. */
export function machineConstraint(wanted: NodeConstraints): MachineConstraint {
  const { arch, cores, memMiB, rootDiskMiB, tags, zones, pool, disks, nics, linkSpeedMbps, spaces, gpu, facts } =
    wanted;
  return {
    arch,
    cores,
    memoryMegabytes: memMiB,
    rootDiskMegabytes: rootDiskMiB,
    tags,
    zones,
    pool,
    disks,
    nics,
    linkSpeedMbps,
    spaces,
    gpu,
    facts,
  };
}
