import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { runProcess } from '../../src/platform/process/index.js';

/** Where peers are unpacked, beside the installed system: their packages conflict with one another. */
const CACHE = join(import.meta.dirname, '../../.cache/bench-peers');
const LIBRARIES = ['usr/lib/x86_64-linux-gnu', 'usr/lib/aarch64-linux-gnu', 'usr/lib'];

/** Downloads and unpacks Debian packages that are not there yet. Throws where the archive cannot be reached. */
export async function fetchPeers(packages: readonly string[]): Promise<void> {
  mkdirSync(CACHE, { recursive: true });
  for (const name of packages) {
    if (readdirSync(CACHE).some((file) => file.startsWith(`${name}_`))) continue;
    await download(name);
    const file = readdirSync(CACHE).find((it) => it.startsWith(`${name}_`)) ?? '';
    mkdirSync(join(CACHE, 'root', name), { recursive: true });
    await runProcess(['dpkg', '-x', join(CACHE, file), join(CACHE, 'root', name)]);
  }
}

async function download(name: string): Promise<void> {
  const argv = ['apt-get', 'download', name];
  try {
    await runProcess(argv, { cwd: CACHE });
  } catch {
    // The list of packages may be missing or old, as in a fresh container.
    await runProcess(['apt-get', 'update']);
    await runProcess(argv, { cwd: CACHE });
  }
}

/** A package's program, with the libraries of all that were fetched. Each has a folder: two of them bring `in.tftpd`. */
export function peer(packageName: string, program: string, ...args: string[]): string[] {
  const roots = readdirSync(join(CACHE, 'root'));
  const libraries = roots.flatMap((root) => LIBRARIES.map((folder) => join(CACHE, 'root', root, folder))).join(':');
  return ['env', `LD_LIBRARY_PATH=${libraries}`, join(CACHE, 'root', packageName, 'usr/sbin', program), ...args];
}

/** A server that runs for one measurement. */
export class RunningServer {
  private constructor(
    private readonly child: ChildProcess,
    private readonly said: () => string,
  ) {}

  /** `ready` is tried until it says so, for ten seconds. */
  static async start(argv: readonly string[], ready: () => Promise<boolean>): Promise<RunningServer> {
    const [program = '', ...args] = argv;
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const take = (text: Buffer) => (output = (output + text.toString()).slice(-2000));
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    for (let waited = 0; waited < 20_000 && child.exitCode === null; waited += 100) {
      if (await ready()) return new RunningServer(child, () => output);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    child.kill('SIGKILL');
    throw new Error(`${argv.find((it) => it.includes('/sbin/')) ?? program} does not start: ${output}`);
  }

  get output(): string {
    return this.said();
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.kill(signal);
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 3000);
    await ended;
    clearTimeout(timer);
  }
}

/** Whether a UDP port is listened on in this network. */
export const listens = (port: number) => hasListener('-Huln', port);

/** Likewise for TCP. */
export const listensTcp = (port: number) => hasListener('-Htln', port);

async function hasListener(flags: string, port: number): Promise<boolean> {
  const { stdout } = await runProcess(['ss', flags, `sport = :${port}`]);
  return stdout.trim() !== '';
}

/** This repository's TypeScript as a program. */
export function ownProgram(file: string, ...args: string[]): string[] {
  const hook = join(import.meta.dirname, '../support/typescript.mjs');
  return [process.execPath, '--import', hook, join(import.meta.dirname, file), ...args];
}
