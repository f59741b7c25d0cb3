import { spawn } from 'node:child_process';
import { MusterError } from '../../error.js';

export interface RunOptions {
  cwd?: string;
  environment?: Record<string, string>;
  stdin?: string | Buffer;
  timeoutMs?: number;
  signal?: AbortSignal;
  /** Exit codes that are not errors; [0] by default. */
  allow?: readonly number[];
  /** Called with each piece of output as it comes. */
  onOutput?: (text: string) => void;
}

export interface RunResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** A program ended with a code that its caller did not allow, by a signal, or not at all. */
export class ProcessError extends MusterError {
  constructor(
    readonly argv: readonly string[],
    readonly result: { code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string },
    reason: string,
  ) {
    const tail = result.stderr.trim().split('\n').slice(-3).join(' | ');
    super('internal', `cannot run ${argv[0] ?? ''}: ${reason}${tail === '' ? '' : `: ${tail}`}`);
  }
}

/**
 * Runs an argument vector to its end; never a shell. Throws {@link ProcessError}. On time-out or abort the program is
 * killed.
 */
export function runProcess(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const [program = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      ...(options.environment === undefined ? {} : { env: options.environment }),
      stdio: ['pipe', 'pipe', 'pipe'],
      signal: options.signal,
      killSignal: 'SIGKILL',
      timeout: options.timeoutMs,
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      options.onOutput?.(text);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      options.onOutput?.(text);
    });
    child.on('error', (error) =>
      reject(new ProcessError(argv, { code: null, signal: null, stdout, stderr }, error.message)),
    );
    child.on('close', (code, signal) => {
      if (code !== null && (options.allow ?? [0]).includes(code)) resolve({ code, stdout, stderr });
      else {
        const reason = code === null ? `ended by ${signal ?? 'a signal'}` : `exit code ${code}`;
        reject(new ProcessError(argv, { code, signal, stdout, stderr }, reason));
      }
    });
    // A program that ends without reading its input closes the pipe; its exit code says what happened.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.stdin);
  });
}
