import type { Settings } from '../../platform/config/index.js';
import {
  checkClock,
  checkContainerLimits,
  checkDataFolder,
  checkDisk,
  checkNode,
  checkPrivileges,
  checkPrograms,
} from './computer.js';
import { checkDatabase, checkRedis } from './datastores.js';
import type { Finding } from './finding.js';
import { checkOtherDhcp, checkPorts } from './network.js';

/** Everything that keeps a server from working well, looked at from the computer it is to run on. */
export async function examine(settings: Settings): Promise<Finding[]> {
  const apart = await Promise.all([
    checkClock(),
    checkPorts(settings),
    checkOtherDhcp(settings),
    checkDatabase(settings),
    checkRedis(settings),
  ]);
  return [
    checkNode(),
    checkPrivileges(settings),
    checkDataFolder(settings),
    checkDisk(settings),
    ...checkPrograms(settings),
    ...checkContainerLimits(settings),
    ...apart.flat(),
  ];
}
