import { RemoteUnreachableError } from './errors.js';
import type { Remote, RemoteExecOptions, RemoteResult, RemoteShell, RemoteTarget } from './remote.js';

type Answer = (argv: readonly string[], options: RemoteExecOptions, target: RemoteTarget) => Partial<RemoteResult>;

/** Nodes that exist in memory only: it answers as told, and remembers what it was asked. */
export class FakeRemote implements Remote {
  /** `host: program argument …`, in order. */
  readonly commands: string[] = [];
  /** By `host:path`. */
  readonly files = new Map<string, { content: string; mode: number }>();
  /** Hosts that do not answer. */
  readonly unreachable = new Set<string>();

  constructor(private readonly answer: Answer = () => ({})) {}

  connect(target: RemoteTarget): Promise<RemoteShell> {
    if (this.unreachable.has(target.host)) return Promise.reject(new RemoteUnreachableError(target, 'no answer'));
    return Promise.resolve({
      exec: (argv, options = {}) => this.exec(target, argv, options),
      putFile: (path, content, mode) => {
        this.files.set(`${target.host}:${path}`, { content: content.toString(), mode });
        return Promise.resolve();
      },
      close: () => Promise.resolve(),
    });
  }

  private exec(target: RemoteTarget, argv: readonly string[], options: RemoteExecOptions): Promise<RemoteResult> {
    if (this.unreachable.has(target.host)) return Promise.reject(new RemoteUnreachableError(target, 'no answer'));
    this.commands.push(`${target.host}: ${argv.join(' ')}`);
    return Promise.resolve({ code: 0, stdout: '', stderr: '', ...this.answer(argv, options, target) });
  }
}
