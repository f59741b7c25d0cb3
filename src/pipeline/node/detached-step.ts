import { Readable } from 'node:stream';
import { MusterError } from '../../error.js';
import type { RemoteExecOptions, RemoteResult, RemoteShell } from '../../platform/remote/index.js';
import type { NodeSystem } from './package-source.js';
import { runner } from './runner.js';
import { tarOf } from './tar.js';

/** What the node says of an execution. */
export interface NodeState {
  /**
   * unknown: never started. interrupted: started under another boot, or the one who waited for it is gone, and no exit
   * code was recorded.
   */
  state: 'unknown' | 'running' | 'finished' | 'interrupted';
  /** Which start this is, from 1; 0 where there was none. */
  tries: number;
  bootId: string;
  exitCode: number | null;
  /** It was told to stop. */
  cancelled: boolean;
  /** The script asked for a reboot. */
  wantsReboot: boolean;
  /** The script says that it found everything as it is wanted. */
  unchanged: boolean;
  progress: { number: number; percent: number; text: string } | null;
  /** The content of $MUSTER_OUTPUT so far. */
  output: Buffer;
  /** The log from the asked offset on; not all of it at once where it is long. */
  log: Buffer;
  logBytes: number;
  /** Changes while the script talks although its log is full. */
  beyond: string;
  /** The last line of the log, once the script has ended. */
  lastLine: string;
}

/** A file that a step uses, as it is named on the node. */
export interface ArtifactName {
  sha256: string;
  fileName: string;
}

export interface StepFiles {
  script: string;
  /** JSON for $MUSTER_INPUT. */
  input: string;
  environment: Readonly<Record<string, string>>;
  /** Relative paths are below the script's working folder. */
  files: readonly { path: string; content: string | Buffer; mode?: number }[];
}

/** The node has seen a higher fence: another worker has this execution now. */
export class FenceRefusedError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'FenceRefusedError';
  }
}

export interface DetachedStepOptions {
  /** `sudo -n` where the login is not root's. */
  prefix?: readonly string[];
  /** For tests: MUSTER_ROOT, MUSTER_BOOT_ID_FILE, MUSTER_REBOOT_COMMAND. */
  environment?: Readonly<Record<string, string>>;
  /** Of a longer log the node keeps the beginning and the end. */
  logBytes?: number;
}

const FENCE_REFUSED = 92;
const OPERATION_TIMEOUT_MS = 45_000;
const START_WAIT_SECONDS = '2';
const CHECK_TIMEOUT_MS = 90_000;
const DEFAULT_LOG_BYTES = 16 * 1024 * 1024;
/** Reading gigabytes from a slow disk takes minutes. */
const ARTIFACT_TIMEOUT_MS = 600_000;
const ENVIRONMENT_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Linux takes 128 KiB for one string of an environment, and 2 MiB for all with the usual stack (execve(2)). */
const LONGEST_VARIABLE_BYTES = 64 * 1024;
const ALL_VARIABLES_BYTES = 1024 * 1024;

/** One execution on a node, by the runner's protocol over a shell. Every operation carries the fence. */
export class DetachedStep {
  /** How long the node took for its last status, ms; 0 before the first. */
  statusMs = 0;

  constructor(
    private readonly shell: RemoteShell,
    private readonly execution: { id: string; fence: number; stepId: string },
    private readonly options: DetachedStepOptions = {},
  ) {}

  async status(logOffset: number, signal?: AbortSignal): Promise<NodeState> {
    const asked = performance.now();
    const state = parseState(await this.operate('status', [String(logOffset)], { signal, readOnly: true }));
    this.statusMs = performance.now() - asked;
    return state;
  }

  /**
   * Starts the nth start, unless it runs or was started before; answers when it is over, after half a second with what it
   * has said by then, or after two.
   */
  async start(number: number, files: StepFiles, logOffset = 0, signal?: AbortSignal): Promise<NodeState> {
    const stdin = pack(files);
    const logBytes = this.options.logBytes ?? DEFAULT_LOG_BYTES;
    const parameters = [String(number), this.execution.stepId, String(logBytes), String(logOffset), START_WAIT_SECONDS];
    return parseState(await this.operate('start', parameters, { stdin, signal }));
  }

  /** Runs another script to its end, within a minute: is it done already? It may publish, too. */
  async check(files: StepFiles, signal?: AbortSignal): Promise<{ exitCode: number; log: string; output: Buffer }> {
    const options = { stdin: pack(files), signal, timeoutMs: CHECK_TIMEOUT_MS };
    const fields = fieldsOf(await this.operate('check', [], options));
    const log = decode(fields.get('log')).toString();
    return { exitCode: Number(fields.get('check') ?? 1), log, output: decode(fields.get('output')) };
  }

  /** Ends the script with all that it started. */
  async cancel(signal?: AbortSignal): Promise<void> {
    await this.operate('cancel', [], { signal });
  }

  /** Where the node keeps an artifact. */
  artifactPath({ sha256, fileName }: ArtifactName): string {
    return `${this.root()}/artifacts/${sha256}/${fileName}`;
  }

  /** A folder below the one that all of it is in. */
  folderOf(path: string): string {
    return `${this.root()}/${path}`;
  }

  /** What the node runs. */
  async system(signal?: AbortSignal): Promise<NodeSystem> {
    const script = '. /etc/os-release; echo "$ID@$VERSION_ID $(dpkg --print-architecture)"';
    const { code, stdout, stderr } = await this.shell.exec(['sh', '-c', script], {
      timeoutMs: OPERATION_TIMEOUT_MS,
      ...(signal === undefined ? {} : { signal }),
    });
    const [base = '', architecture = ''] = stdout.trim().split(' ');
    if (code === 0 && architecture !== '') return { base, architecture };
    throw new MusterError('unavailable', `cannot tell what the node runs: ${stderr.trim() || stdout.trim()}`);
  }

  /** How much of an artifact the node has: all of it, with the right sum, or so many bytes. */
  async lookForArtifact(artifact: ArtifactName, signal?: AbortSignal): Promise<'present' | number> {
    const said = await this.artifact('look', artifact, [], { signal });
    return said === 'present' ? 'present' : Number(said);
  }

  /** Adds bytes to what the node has. Throws where it has not `offset` bytes. */
  async addToArtifact(artifact: ArtifactName, offset: number, bytes: Readable, signal?: AbortSignal): Promise<void> {
    await this.artifact('put', artifact, [String(offset)], { stdin: bytes, signal });
  }

  /** The node has all the bytes. False: they are not what they should be, and are gone. */
  async settleArtifact(artifact: ArtifactName, signal?: AbortSignal): Promise<boolean> {
    return (await this.artifact('settle', artifact, [], { signal })) === 'present';
  }

  private async artifact(
    verb: string,
    { sha256, fileName }: ArtifactName,
    more: string[],
    options: { stdin?: Readable; signal?: AbortSignal | undefined },
  ): Promise<string> {
    const parameters = [verb, sha256, fileName, ...more];
    const said = await this.operate('artifact', parameters, { ...options, timeoutMs: ARTIFACT_TIMEOUT_MS });
    return fieldsOf(said).get('artifact') ?? '';
  }

  async reboot(signal?: AbortSignal): Promise<void> {
    await this.operate('reboot', [], { signal });
  }

  private async operate(
    operation: string,
    parameters: readonly string[],
    options: { stdin?: Buffer | Readable; signal?: AbortSignal | undefined; readOnly?: boolean; timeoutMs?: number },
  ): Promise<string> {
    const { id, fence } = this.execution;
    const parametersOfAll = [operation, id, String(fence), ...parameters];
    const execOptions = { timeoutMs: OPERATION_TIMEOUT_MS, ...options };
    let result = await this.shell.exec([...this.perl(), this.runnerPath(), ...parametersOfAll], execOptions);
    if (isWithoutRunner(result) && !(options.stdin instanceof Readable))
      result = await this.installAndRun(parametersOfAll, execOptions);
    if (result.code === 0) return result.stdout;
    throw errorOf(operation, result);
  }

  private installAndRun(parameters: readonly string[], options: RemoteExecOptions): Promise<RemoteResult> {
    const text = Buffer.from(runner.text);
    const argv = [...this.perl(), '-e', INSTALL, this.runnerPath(), String(text.length), ...parameters];
    const rest = options.stdin instanceof Buffer ? options.stdin : Buffer.alloc(0);
    return this.shell.exec(argv, { ...options, stdin: Buffer.concat([text, rest]) });
  }

  private perl(): string[] {
    const environment = Object.entries(this.options.environment ?? {}).map(([name, value]) => `${name}=${value}`);
    return [...(this.options.prefix ?? []), ...(environment.length === 0 ? [] : ['env', ...environment]), 'perl'];
  }

  private runnerPath(): string {
    return `${this.root()}/lib/${runner.name}`;
  }

  private root(): string {
    return this.options.environment?.MUSTER_ROOT ?? '/var/lib/muster';
  }
}

/**
 * Puts the runner, whose size is given, from standard input in its place, and gives the rest of the input to it. Called as
 * `PATH SIZE ARGUMENT…`.
 */
const INSTALL = [
  'umask 022; my ($path, $size, $text) = (shift, shift, "")',
  'while (length $text < $size) { sysread STDIN, $text, $size - length $text, length $text or die "it is cut off\\n" }',
  'for (my $at = 0; ($at = index $path, "/", $at + 1) > 0;) { mkdir substr $path, 0, $at }',
  'open my $file, ">", "$path.$$" or die "$path: $!\\n"',
  'print $file $text and close $file and rename "$path.$$", $path or die "$path: $!\\n"',
  'exec "perl", $path, @ARGV',
].join(';');

/** Perl says so itself, in English whatever the locale (perldiag). */
const isWithoutRunner = ({ code, stderr }: RemoteResult) => code === 2 && stderr.includes("Can't open perl script");

function errorOf(operation: string, { code, stderr }: RemoteResult): Error {
  const reason = stderr.trim().split('\n').slice(-3).join(' | ');
  if (code === FENCE_REFUSED) return new FenceRefusedError(reason);
  if (/\bperl['’]?: .*(not found|No such file)/.test(reason))
    return new MusterError('invalid', `cannot ${operation} the step on its node, which has no Perl: ${reason}`, {
      hint: 'apt-get install perl-base',
    });
  return new MusterError('unavailable', `cannot ${operation} the step on its node: ${reason} (code ${code ?? 'none'})`);
}

/** Names in the archive are ours; the paths they go to are in `index`. */
function pack(files: StepFiles): Buffer {
  const index = files.files.map((file, number) => {
    if (/[\t\n\0]/.test(file.path) || file.path === '' || file.path.split('/').includes('..')) {
      throw new MusterError('invalid', `cannot put a file at "${file.path}" on a node`);
    }
    return `${number}\t${(file.mode ?? 0o644).toString(8)}\t${file.path}\n`;
  });
  const long = longValues(files.environment);
  return tarOf([
    { name: 'script', content: files.script },
    { name: 'input.json', content: files.input },
    { name: 'env', content: environmentFile(files.environment, long) },
    { name: 'index', content: index.join('') },
    ...long.map((name, number) => ({ name: `value-${number}`, content: files.environment[name] ?? '' })),
    ...files.files.map((file, number) => ({ name: String(number), content: file.content })),
  ]);
}

/** The variables that do not fit an environment: those too long, and the longest where it is too much together. */
function longValues(environment: Readonly<Record<string, string>>): string[] {
  const sizes = Object.entries(environment).map(([name, value]) => ({
    name,
    bytes: name.length + Buffer.byteLength(value) + 2,
  }));
  let all = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
  return sizes
    .sort((a, b) => b.bytes - a.bytes)
    .filter(({ bytes }) => {
      const isLong = bytes > LONGEST_VARIABLE_BYTES || all > ALL_VARIABLES_BYTES;
      if (isLong) all -= bytes;
      return isLong;
    })
    .map(({ name }) => name);
}

/** Each ends with a NUL. After `=` it is as it stands; after `/` it is a file of the journal: a long value, as `NAME_FILE`. */
function environmentFile(environment: Readonly<Record<string, string>>, long: readonly string[]): string {
  return Object.entries(environment)
    .map(([name, value]) => {
      if (!ENVIRONMENT_NAME.test(name)) {
        throw new MusterError('invalid', `cannot set "${name}" in the environment: it is no name for a variable`);
      }
      if (value.includes('\0')) {
        throw new MusterError('invalid', `cannot set ${name} in the environment: its value holds a NUL`);
      }
      const number = long.indexOf(name);
      return number < 0 ? `=${name}=${value}\0` : `/${name}_FILE=value-${number}\0`;
    })
    .join('');
}

function fieldsOf(text: string): Map<string, string> {
  return new Map(
    text.split('\n').map((line) => {
      const space = line.indexOf(' ');
      return space < 0 ? [line, ''] : [line.slice(0, space), line.slice(space + 1)];
    }),
  );
}

const decode = (base64: string | undefined) => Buffer.from(base64 ?? '', 'base64');
const STATES: readonly string[] = ['unknown', 'running', 'finished', 'interrupted'] satisfies NodeState['state'][];

function parseState(text: string): NodeState {
  const fields = fieldsOf(text);
  const state = fields.get('state') ?? '';
  if (!STATES.includes(state)) {
    throw new MusterError('unavailable', `cannot understand the node: it says "${text.slice(0, 200)}"`);
  }
  const exit = fields.get('exit') ?? '';
  const progress = /^(\d+) (\d+) ?(.*)$/.exec(fields.get('progress') ?? '');
  return {
    state: state as NodeState['state'],
    tries: Number(fields.get('try') ?? 0),
    bootId: fields.get('boot') ?? '',
    exitCode: exit === '' ? null : Number(exit),
    cancelled: fields.has('cancelled'),
    wantsReboot: fields.has('reboot'),
    unchanged: fields.has('unchanged'),
    progress:
      progress === null
        ? null
        : { number: Number(progress[1]), percent: Number(progress[2]), text: (progress[3] ?? '').trim() },
    output: decode(fields.get('output')),
    log: decode(fields.get('log')),
    logBytes: Number(fields.get('size') ?? 0),
    beyond: fields.get('beyond') ?? '',
    lastLine: lastLineOf(decode(fields.get('last')).toString()),
  };
}

function lastLineOf(text: string): string {
  return text.trimEnd().split('\n').at(-1)?.slice(0, 300) ?? '';
}
