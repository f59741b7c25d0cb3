import { createHash } from 'node:crypto';
import {
  closeSync,
  createReadStream,
  createWriteStream,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { bundlesRoutes, imagesRoutes, UPLOAD_PIECE_BYTES } from '../api/contract/index.js';
import type { CliContext } from './context.js';
import { CliError, EXIT } from './exit-code.js';
import { bytes, duration } from './format.js';
import { pause } from './pause.js';

/** How often a download that was cut is gone on with, without a byte in between. */
const TRIES = 5;
const RETRY_MS = 1000;

/** Sends a file in pieces, each of which may be sent again; shows how far it is. */
export async function sendFile(
  context: CliContext,
  file: string,
  sha256Wanted?: string,
): Promise<{ upload: string; sha256: string }> {
  const sizeBytes = sizeOf(file);
  const sha256 = await hashOf(file);
  if (sha256Wanted !== undefined && sha256Wanted !== sha256)
    throw new CliError(
      EXIT.refused,
      `cannot send ${file}: its SHA-256 is ${sha256}`,
      'it is not the file that was meant',
    );
  const { upload } = await context.api.call(imagesRoutes.startUpload, { body: { sizeBytes, sha256 } });
  const began = Date.now();
  const handle = openSync(file, 'r');
  try {
    const buffer = Buffer.alloc(UPLOAD_PIECE_BYTES);
    for (let offset = 0; offset < sizeBytes;) {
      const length = readSync(handle, buffer, 0, buffer.length, offset);
      if (length === 0) throw new CliError(EXIT.failed, `cannot send ${file}: it became shorter meanwhile`);
      const input = { params: { upload }, query: { offset }, bytes: buffer.subarray(0, length) };
      offset = (await context.api.call(imagesRoutes.uploadPiece, input, context.io.signal)).receivedBytes;
      tellProgress(context, offset, sizeBytes, (Date.now() - began) / 1000);
    }
  } finally {
    closeSync(handle);
  }
  endProgress(context);
  return { upload, sha256 };
}

function endProgress(context: CliContext): void {
  if (context.io.isTty && !context.json) context.io.stderr.write('\n');
}

function tellProgress(context: CliContext, done: number, total: number, seconds: number): void {
  if (!context.io.isTty || context.json) return;
  const left = done === 0 ? '' : `, about ${duration((seconds / done) * (total - done))} left`;
  context.io.stderr.write(`\r\u001b[2K${Math.floor((done / total) * 100)}% of ${bytes(total)}${left}`);
}

function sizeOf(file: string): number {
  try {
    return statSync(file).size;
  } catch (error) {
    throw new CliError(EXIT.notFound, `cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

export async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(file)) hash.update(part as Buffer);
  return hash.digest('hex');
}

/** Fetches the archive of a run to a file, which appears when it is whole; goes on where a connection was cut. */
export async function fetchArchive(context: CliContext, run: string, file: string): Promise<void> {
  const part = `${file}.part`;
  rmSync(part, { force: true });
  const began = Date.now();
  let total = 0;
  let have = 0;
  try {
    for (let tries = 0; have === 0 || have < total; tries += 1) {
      const before = have;
      try {
        total = await fetchFrom(context, { run, part, from: have }, (done, of) =>
          tellProgress(context, done, of, (Date.now() - began) / 1000),
        );
      } catch (error) {
        if (!isLost(error) || tries >= TRIES || context.io.signal.aborted) throw error;
        await pause(RETRY_MS * tries, context.io.signal);
      }
      have = statSync(part, { throwIfNoEntry: false })?.size ?? 0;
      if (have > before) tries = 0;
    }
    renameSync(part, file);
  } finally {
    rmSync(part, { force: true });
    endProgress(context);
  }
}

async function fetchFrom(
  context: CliContext,
  { run, part, from }: { run: string; part: string; from: number },
  tell: (done: number, total: number) => void,
): Promise<number> {
  const response = await context.api.download(bundlesRoutes.archive, { params: { run } }, from, context.io.signal);
  const total = from + Number(response.headers['content-length'] ?? 0);
  let done = from;
  response.on('data', (chunk: Buffer) => tell((done += chunk.length), total));
  await pipeline(response, createWriteStream(part, { flags: from === 0 ? 'w' : 'a' }), { signal: context.io.signal });
  return total;
}

/** A connection that was cut; not an answer that says no. */
function isLost(error: unknown): boolean {
  if (error instanceof CliError) return error.code === EXIT.unreachable;
  return ['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE', 'EPIPE'].includes((error as NodeJS.ErrnoException).code ?? '');
}
