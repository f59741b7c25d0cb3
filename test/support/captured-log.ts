import { Writable } from 'node:stream';
import { pino } from 'pino';
import type { Logger } from '../../src/platform/log/index.js';

/** A logger of everything, and what it was told, line by line. */
export function capturedLog(): { log: Logger; lines: string[] } {
  const lines: string[] = [];
  const stream = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(chunk.toString());
      done();
    },
  });
  return { log: pino({ level: 'trace' }, stream), lines };
}

/** Lines that hold a stack: somebody threw what nobody expected. */
export const stacksIn = (lines: readonly string[]) => lines.filter((line) => /\\n\s+at /.test(line));
