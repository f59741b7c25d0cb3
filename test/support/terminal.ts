import { spawn } from 'node:child_process';
import { resolve as resolvePath } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

const ROOT = resolvePath(import.meta.dirname, '../..');

/** What is typed once what it answers is on the screen. */
export type Answer = [shown: string, typed: string];

/** Runs the command on a terminal of its own, without a server where no address is given; each answer is typed once what it answers is on the screen. */
export function runOnTerminal(
  { folder, url }: { folder: string; url?: string },
  words: string[],
  answers: Answer[] = [],
): Promise<{ code: number | null; screen: string }> {
  const node = `node --import ${ROOT}/test/support/typescript.mjs ${ROOT}/src/cli.ts`;
  const server = url === undefined ? { MUSTER_API_PORT: '1', MUSTER_DATA_DIR: folder } : { MUSTER_API_URL: url };
  const child = spawn('script', ['-qec', `${node} ${words.join(' ')}`, '/dev/null'], {
    cwd: folder,
    env: { ...process.env, ...server, MUSTER_TOKEN: 'x', HOME: folder, TERM: 'xterm' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let screen = '';
  let read = 0;
  const left = [...answers];
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    screen += stripVTControlCharacters(part);
    const [next] = left;
    if (next === undefined || !screen.slice(read).includes(next[0])) return;
    read = screen.length;
    left.shift();
    // Typed by somebody who has seen it.
    setTimeout(() => child.stdin.write(next[1]), 200);
  });
  return new Promise((resolve) => {
    child.once('close', (code) => resolve({ code, screen }));
  });
}
