import { open, type FileHandle } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { planResponse } from './response-plan.js';

/** Of each of the two buffers of a response. */
const READ_BYTES = 1 << 19;

export interface ServableFile {
  path: string;
  sizeBytes: number;
  sha256: string;
  contentType?: string;
  /** The internal location of an nginx in front (`X-Accel-Redirect`), which then sends the bytes itself. */
  handOffTo?: string;
}

/**
 * Answers a GET or HEAD with a file that never changes, with ranges and its hash as entity tag. Resolves when the last
 * byte was handed over, or the client left; rejects when the file cannot be read.
 */
export async function serveFile(request: IncomingMessage, response: ServerResponse, file: ServableFile): Promise<void> {
  const { headers } = request;
  const plan = planResponse(
    {
      method: request.method ?? 'GET',
      range: headers.range,
      ifRange: headerOf(headers['if-range']),
      ifNoneMatch: headers['if-none-match'],
    },
    file,
  );
  if (file.handOffTo !== undefined && request.method === 'GET') {
    response.writeHead(200, {
      'x-accel-redirect': file.handOffTo,
      'content-type': file.contentType ?? 'application/octet-stream',
    });
    response.end();
    return;
  }
  if (plan.bytes === null) {
    response.writeHead(plan.status, plan.headers).end();
    return;
  }
  // Nothing is promised before the file is known to open.
  const handle = await open(file.path);
  try {
    response.writeHead(plan.status, plan.headers);
    await sendBytes(handle, response, plan.bytes);
    response.end();
  } catch (error) {
    response.destroy();
    if (!hasLeft(error)) throw error;
  } finally {
    await handle.close();
  }
}

/**
 * Copies a part of a file to the client through two buffers that are used again and again: one is read into while the
 * other is written. A stream would take fresh memory for every piece, and the kernel would clear each page of it.
 */
async function sendBytes(
  handle: FileHandle,
  response: ServerResponse,
  { first, last }: { first: number; last: number },
): Promise<void> {
  const size = Math.min(READ_BYTES, last - first + 1);
  let [filling, leaving] = [Buffer.allocUnsafeSlow(size), Buffer.allocUnsafeSlow(size)];
  let writing: Promise<void> = Promise.resolve();
  for (let at = first; at <= last;) {
    const reading = handle.read(filling, 0, Math.min(size, last - at + 1), at);
    // Both are waited for, also where one fails: the file must not be closed below a read.
    const [written, read] = await Promise.allSettled([writing, reading]);
    if (written.status === 'rejected') throw written.reason as Error;
    if (read.status === 'rejected') throw read.reason as Error;
    const { bytesRead } = read.value;
    if (bytesRead === 0) throw new Error(`the file ends at byte ${at}, before ${last}`);
    at += bytesRead;
    [filling, leaving] = [leaving, filling];
    writing = write(response, leaving.subarray(0, bytesRead));
  }
  await writing;
}

/** Resolves when the kernel has taken the bytes: then their memory may be used again. Rejects when the client has left. */
function write(response: ServerResponse, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const left = () => reject(Object.assign(new Error('the client has left'), { code: 'ECONNRESET' }));
    if (response.destroyed) {
      left();
      return;
    }
    response.once('close', left);
    response.write(bytes, (error) => {
      response.off('close', left);
      if (error) reject(error);
      else resolve();
    });
  });
}

/** The client closed the connection: its right, and no error of ours. */
function hasLeft(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code ?? '';
  return ['ERR_STREAM_DESTROYED', 'ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'EPIPE'].includes(code);
}

const headerOf = (value: string | string[] | undefined) => (Array.isArray(value) ? value[0] : value);
