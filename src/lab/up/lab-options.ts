import { z } from 'zod';
import { MusterError } from '../../error.js';
import type { MachineSpec } from '../rack/machine-spec.js';
import { needsOf } from './bundle-needs.js';

const schema = z.object({
  machines: z.coerce.number().int().min(1).max(32),
  firmware: z.enum(['bios', 'uefi', 'mixed']),
  boot: z.enum(['pxe', 'http']),
  secureBoot: z.boolean(),
  arch: z.enum(['amd64']),
  bundle: z.string().min(1),
  keep: z.boolean(),
  cores: z.coerce.number().int().min(1).max(16).optional(),
  memory: z.coerce.number().int().min(512).max(65_536).optional(),
  disk: z.coerce.number().int().min(4).max(1024).optional(),
  overlay: z.array(z.string().min(1)),
  artifacts: z.string().min(1).optional(),
});
export type LabOptions = z.infer<typeof schema>;

export const DEFAULT_LAB_OPTIONS: LabOptions = {
  machines: 2,
  firmware: 'mixed',
  boot: 'pxe',
  secureBoot: false,
  arch: 'amd64',
  bundle: 'lxd-fan',
  keep: false,
  overlay: [],
};

/** Throws one error that names every wrong option. */
export function readLabOptions(given: Record<string, unknown>): LabOptions {
  const parsed = schema.safeParse({ ...DEFAULT_LAB_OPTIONS, ...given });
  if (!parsed.success) {
    const details = parsed.error.issues.map((issue) => ({ at: `--${issue.path.join('.')}`, message: issue.message }));
    throw new MusterError('invalid', 'cannot start the lab with these options', { details });
  }
  const options = parsed.data;
  if (options.firmware === 'bios' && (options.boot === 'http' || options.secureBoot)) {
    throw new MusterError('invalid', 'cannot start the lab: BIOS has neither HTTP boot nor Secure Boot', {
      hint: 'add --firmware uefi',
    });
  }
  return options;
}

/** `mixed` begins with BIOS and takes turns. */
export function machinesOf(options: LabOptions): MachineSpec[] {
  return Array.from({ length: options.machines }, (_, index): MachineSpec => {
    const firmware = options.firmware === 'mixed' ? (index % 2 === 0 ? 'bios' : 'uefi') : options.firmware;
    const built = { name: `node-${index + 1}`, firmware, ...sizeOf(options) };
    return firmware === 'bios' ? built : { ...built, boot: options.boot, secureBoot: options.secureBoot };
  });
}

/** As ordered; else what the bundle needs, else the rack's own sizes. */
function sizeOf(options: LabOptions): Pick<MachineSpec, 'cores' | 'memoryMegabytes' | 'disks'> {
  const needs = needsOf(options.bundle);
  const disk = options.disk ?? needs.diskGigabytes;
  return {
    cores: options.cores ?? needs.cores,
    memoryMegabytes: options.memory ?? needs.memoryMegabytes,
    disks: disk === undefined ? undefined : [{ bus: 'virtio', sizeGigabytes: disk }],
  };
}
