import type { Request, Response } from 'express';

const KEEP_ALIVE_MS = 15_000;

export interface StreamItem {
  /** What the client sends back as Last-Event-ID to go on after this item; null: no place to resume. */
  id: number | null;
  data: unknown;
}

/** Makes the items of a stream; its signal aborts when the client goes or the server stops. */
export type StreamSource = (signal: AbortSignal) => AsyncIterable<StreamItem>;

/**
 * Answers with server-sent events (WHATWG HTML, 9.2) until the source ends, the client goes or the server stops. A source
 * that ends is told by an event `end`; a server that stops is not, so that the client comes back. Waits while the client
 * does not read.
 */
export async function streamEvents(
  http: { request: Request; response: Response; stop: AbortSignal },
  source: StreamSource,
): Promise<void> {
  const { response } = http;
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const signal = AbortSignal.any([gone.signal, http.stop]);
  open(response);
  const keepAlive = setInterval(() => response.write(': still here\n\n'), KEEP_ALIVE_MS);
  try {
    for await (const item of source(signal)) {
      if (signal.aborted) break;
      await write(response, textOf(item), signal);
    }
  } finally {
    clearInterval(keepAlive);
  }
  if (!gone.signal.aborted) response.end(http.stop.aborted ? '' : 'event: end\ndata: {}\n\n');
}

/** A browser, and our CLI, send the id of the last event they saw. Null: none, or not a number of ours. */
export function lastEventId(request: Request): number | null {
  const value = request.headers['last-event-id'];
  if (typeof value !== 'string' || !/^\d{1,15}$/.test(value)) return null;
  return Number(value);
}

function open(response: Response): void {
  response.status(200);
  response.setHeader('Content-Type', 'text/event-stream; charset=utf-8');
  response.setHeader('Cache-Control', 'no-store');
  // nginx holds answers back otherwise.
  response.setHeader('X-Accel-Buffering', 'no');
  response.write('retry: 1000\n\n');
}

function textOf(item: StreamItem): string {
  const id = item.id === null ? '' : `id: ${item.id}\n`;
  return `${id}data: ${JSON.stringify(item.data)}\n\n`;
}

async function write(response: Response, text: string, signal: AbortSignal): Promise<void> {
  if (response.write(text) || signal.aborted) return;
  await new Promise<void>((resolve) => {
    const go = () => {
      response.off('drain', go);
      signal.removeEventListener('abort', go);
      resolve();
    };
    response.once('drain', go);
    signal.addEventListener('abort', go, { once: true });
  });
}
