import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { MusterError, messageOf } from '../../error.js';

const recordedProcess = z.object({
  pid: z.number().int().positive(),
  /** Clock ticks since boot, from /proc: a pid alone may by now be another's. */
  startTime: z.string(),
  what: z.string(),
});

const rackMachine = z.object({
  name: z.string(),
  firmware: z.enum(['bios', 'uefi']),
  boot: z.enum(['pxe', 'http']),
  secureBoot: z.boolean(),
  nic: z.enum(['virtio', 'e1000']),
  disks: z.array(z.object({ bus: z.enum(['virtio', 'ahci', 'nvme']), sizeGigabytes: z.number() })),
  memoryMegabytes: z.number(),
  cores: z.number().default(1),
  uuid: z.string(),
  mac: z.string(),
  tap: z.string(),
  dir: z.string(),
  socket: z.string(),
  serialLog: z.string(),
});

const rackState = z.object({
  version: z.literal(1),
  namespace: z.string(),
  bridge: z.string(),
  processes: z.array(recordedProcess),
  machines: z.array(rackMachine),
});

export type RecordedProcess = z.infer<typeof recordedProcess>;
/** Everything a rack has made, so that taking it down later, from another process, leaves no trace. */
export type RackState = z.infer<typeof rackState>;

const FILE = 'rack.json';

export function hasRackState(dir: string): boolean {
  return existsSync(join(dir, FILE));
}

export function readRackState(dir: string): RackState {
  try {
    return rackState.parse(JSON.parse(readFileSync(join(dir, FILE), 'utf8')));
  } catch (thrown) {
    throw new MusterError('invalid', `cannot read the rack's state in ${dir}: ${messageOf(thrown)}`, {
      hint: 'if the lab is gone for good, remove the folder, and `ip netns delete` the namespace',
      cause: thrown,
    });
  }
}

/** Written whole and renamed, so that a kill leaves the old state or the new one. */
export function writeRackState(dir: string, state: RackState): void {
  const temporary = join(dir, `${FILE}.new`);
  writeFileSync(temporary, `${JSON.stringify(state, null, 2)}\n`);
  renameSync(temporary, join(dir, FILE));
}
