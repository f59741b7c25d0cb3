import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { MusterError } from '../../error.js';
import { detectPacking, MAGIC_BYTES, type Packing } from './detect-format.js';

const READ_BYTES = 1 << 20;

const UNPACKERS: Record<Exclude<Packing, 'none'>, readonly string[]> = {
  gzip: ['gzip', '-dc'],
  zstd: ['zstd', '-dcq'],
  xz: ['xz', '-dc'],
};

/** The unpacked bytes of a file. The stream fails when the packing is broken or cut short. */
export function unpackStream(path: string, packing: Packing, signal?: AbortSignal): Readable {
  if (packing === 'none') return createReadStream(path, { highWaterMark: READ_BYTES, signal });
  return filterStream(createReadStream(path, { highWaterMark: READ_BYTES }), UNPACKERS[packing], signal);
}

/** Sends a stream through a program. Fails when the program does, with the last of what it said. */
export function filterStream(input: Readable, argv: readonly string[], signal?: AbortSignal): Readable {
  const [program = '', ...args] = argv;
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], signal, killSignal: 'SIGKILL' });
  const output = new PassThrough({ highWaterMark: READ_BYTES });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-1000);
  });
  const fail = (reason: string) => output.destroy(new MusterError('invalid', `cannot run ${program}: ${reason}`));
  child.on('error', (error) => fail(error.message));
  child.on('close', (code, killedBy) => {
    if (code === 0) output.end();
    else fail(said.trim() || (code === null ? `ended by ${killedBy ?? 'a signal'}` : `exit code ${code}`));
  });
  // Who stops reading stops the program.
  output.on('close', () => child.kill('SIGKILL'));
  child.stdout.pipe(output, { end: false });
  pipeline(input, child.stdin).catch((error: unknown) => {
    // A program that ends early closes its input; its exit code says what happened. Anything else is the input's fault.
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') output.destroy(error as Error);
  });
  return output;
}

/** The first bytes of a file, unpacked, and how it is packed. */
export async function readBeginning(path: string): Promise<{ packing: Packing; beginning: Buffer }> {
  const packed = await readRaw(path);
  const packing = detectPacking(packed);
  if (packing === 'none') return { packing, beginning: packed };
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of unpackStream(path, packing)) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length >= MAGIC_BYTES) break;
  }
  return { packing, beginning: Buffer.concat(chunks) };
}

async function readRaw(path: string): Promise<Buffer> {
  const handle = await open(path, 'r');
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(MAGIC_BYTES), 0, MAGIC_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
