import { z } from 'zod';
import { MusterError } from '../../error.js';
import { runProcess } from '../../platform/process/index.js';

/** A larger disk than this is no image of an operating system, but an attack on our own disk. */
const LARGEST_DISK_BYTES = 1024 ** 4;

const infoSchema = z.object({
  'virtual-size': z.number(),
  'backing-filename': z.string().optional(),
  'format-specific': z.object({ data: z.object({ 'data-file': z.string().optional() }) }).optional(),
});

/** Writes the disk in a qcow2 as a raw (sparse) file. */
export async function convertQcow2(from: string, to: string, signal?: AbortSignal): Promise<void> {
  const { stdout } = await runProcess(['qemu-img', 'info', '--output=json', '-f', 'qcow2', from], { signal });
  const info = infoSchema.parse(JSON.parse(stdout));
  // It may name other files of this computer as parts of itself; qemu-img would read those into the image.
  if (info['backing-filename'] !== undefined || info['format-specific']?.data['data-file'] !== undefined) {
    throw new MusterError('invalid', `cannot import ${from}: it is only a part, which refers to another file`, {
      hint: 'flatten it where it was made: qemu-img convert -O qcow2 FROM TO',
    });
  }
  if (info['virtual-size'] > LARGEST_DISK_BYTES) {
    throw new MusterError('invalid', `cannot import ${from}: its disk has ${info['virtual-size']} bytes`);
  }
  await runProcess(['qemu-img', 'convert', '-f', 'qcow2', '-O', 'raw', from, to], { signal });
}
