import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Request, Response } from 'express';

/**
 * Answers with a file that is written as it is sent, from the byte on that a range asks for (`bytes=N-`, RFC 9110,
 * 14.1.2): what comes before is made and thrown away. Waits while the client does not read.
 */
export async function sendFrom(
  { request, response }: { request: Request; response: Response },
  file: { fileName: string; sizeBytes: number; bytes: () => Readable },
): Promise<void> {
  const { fileName, sizeBytes } = file;
  const asked = Number(/^bytes=(\d{1,15})-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const from = asked < sizeBytes ? asked : 0;
  response.status(from > 0 ? 206 : 200);
  response.setHeader('Content-Type', 'application/octet-stream');
  response.setHeader('Content-Disposition', `attachment; filename="${fileName}"`);
  response.setHeader('Content-Length', sizeBytes - from);
  if (from > 0) response.setHeader('Content-Range', `bytes ${from}-${sizeBytes - 1}/${sizeBytes}`);
  // A client that went away, or content that is damaged: the connection ends short of its length.
  await pipeline(Readable.from(after(file.bytes(), from)), response).catch(() => response.destroy());
}

async function* after(bytes: AsyncIterable<Buffer>, from: number): AsyncGenerator<Buffer> {
  let left = from;
  for await (const part of bytes) {
    if (left < part.length) yield part.subarray(left);
    left = Math.max(0, left - part.length);
  }
}
