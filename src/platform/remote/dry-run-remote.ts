import { quoteArgv } from './quote.js';
import type { Remote, RemoteExecOptions, RemoteResult, RemoteShell, RemoteTarget } from './remote.js';

/** Looks, but changes nothing: commands marked read-only run on the real node, all others are only told. */
export class DryRunRemote implements Remote {
  constructor(
    private readonly real: Remote,
    private readonly tell: (line: string) => void,
  ) {}

  async connect(target: RemoteTarget, options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<RemoteShell> {
    const shell = await this.real.connect(target, options);
    const name = `${target.user}@${target.host}`;
    return {
      exec: (argv: readonly string[], execOptions: RemoteExecOptions = {}): Promise<RemoteResult> => {
        if (execOptions.readOnly === true) return shell.exec(argv, execOptions);
        this.tell(`${name}: ${quoteArgv(argv)}`);
        return Promise.resolve({ code: 0, stdout: '', stderr: '' });
      },
      putFile: (path, content, mode) => {
        this.tell(`${name}: write ${Buffer.byteLength(content)} bytes to ${path}, mode ${mode.toString(8)}`);
        return Promise.resolve();
      },
      close: () => shell.close(),
    };
  }
}
