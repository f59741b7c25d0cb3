import type { Request, Response } from 'express';
import type { Clock } from '../platform/clock.js';

const KEEP_ALIVE_MS = 15_000;
/** How often the tables are looked at; a reader sees an event this late at most. */
const LOOK_EVERY_MS = 400;

export interface StreamItem {
  /** What the client sends back as Last-Event-ID to go on after this item; null: no place to resume. */
  id: string | null;
  /** The event's type; absent: `message`. */
  type?: string;
  data: unknown;
}

/** Gives what came after `position`, and whether more can follow. */
export type ReadMore<Position> = (
  position: Position,
) => Promise<{ items: StreamItem[]; position: Position; ended: boolean }>;

/**
 * Answers with a stream of server-sent events (WHATWG HTML, 9.2) until there is no more, the client goes or the server
 * stops. Waits while the client does not read.
 */
export async function streamEvents<Position>(
  http: { request: Request; response: Response; stop: AbortSignal; clock: Clock },
  start: Position,
  readMore: ReadMore<Position>,
): Promise<void> {
  const { request, response, clock } = http;
  const gone = new AbortController();
  request.once('close', () => gone.abort());
  response.once('close', () => gone.abort());
  const signal = AbortSignal.any([gone.signal, http.stop]);
  let position = start;
  // The first read may refuse: nothing is sent before it, so that the refusal is a proper answer.
  let page = await readMore(position);
  open(response);
  let silentSince = clock.now().getTime();
  while (!signal.aborted) {
    if (page.items.length > 0) {
      await write(response, page.items.map(textOf).join(''), signal);
      silentSince = clock.now().getTime();
    }
    position = page.position;
    if (page.ended && page.items.length === 0) break;
    if (clock.now().getTime() - silentSince >= KEEP_ALIVE_MS) {
      await write(response, ': still here\n\n', signal);
      silentSince = clock.now().getTime();
    }
    if (page.items.length === 0) await pause(clock, signal);
    page = await readMore(position);
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
  response.flushHeaders();
  response.write('retry: 1000\n\n');
}

function textOf(item: StreamItem): string {
  const id = item.id === null ? '' : `id: ${item.id}\n`;
  const type = item.type === undefined ? '' : `event: ${item.type}\n`;
  return `${id}${type}data: ${JSON.stringify(item.data)}\n\n`;
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

async function pause(clock: Clock, signal: AbortSignal): Promise<void> {
  await clock.sleep(LOOK_EVERY_MS, signal).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
