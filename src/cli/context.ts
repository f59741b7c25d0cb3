import { createInterface } from 'node:readline/promises';
import type { Readable } from 'node:stream';
import type { Command } from 'commander';
import type { ResponseOf, Route } from '../api/contract/index.js';
import { ApiClient, type CallInput } from './client.js';
import { clientSettings } from './client-settings.js';
import { CliError, EXIT, type ExitCode } from './exit-code.js';
import { readText } from './read-text.js';

interface Output {
  write(text: string): unknown;
}

/** The terminal (or a test) as a command sees it. */
export interface CliIo {
  stdout: Output;
  stderr: Output;
  stdin: Readable;
  /** Standard output is a terminal: colours and lines that are drawn again. */
  isTty: boolean;
  /** Standard input is a terminal: questions can be asked. */
  canAsk: boolean;
  environment: Record<string, string | undefined>;
  /** Aborts at Ctrl-C. */
  signal: AbortSignal;
  /** Starts a server on this computer; absent: there is no way to. Throws where it may not. */
  startServer?: (options: { localhost: boolean }) => { log: string; ended: Promise<string> };
  /** Answers one route, by its id, from the bundles and roles beside this program; absent: they are not there. */
  answerFromLibrary?: (id: string, input: { params?: Record<string, string>; body?: unknown }) => unknown;
}

export interface GlobalOptions {
  json?: boolean;
  api?: string;
  color?: boolean;
}

/** What every command is given. */
export class CliContext {
  /** Set by a command that ends well but says otherwise, such as `bundles check`. */
  exitCode: ExitCode = EXIT.ok;
  private opened: ApiClient | null = null;
  private toldOfLibrary = false;
  private inputIsRead = false;

  constructor(
    readonly io: CliIo,
    private readonly globals: () => GlobalOptions,
  ) {}

  get json(): boolean {
    return this.globals().json === true;
  }

  get colours(): boolean {
    return this.io.isTty && this.globals().color !== false && (this.io.environment.NO_COLOR ?? '') === '';
  }

  get api(): ApiClient {
    this.opened ??= new ApiClient(clientSettings(this.io.environment, this.globals()));
    return this.opened;
  }

  /** As it was named on the line. */
  get givenApi(): string | undefined {
    return this.globals().api;
  }

  /** A place was named where the API is; without one it is on this computer. */
  get namesServer(): boolean {
    return this.givenApi !== undefined || (this.io.environment.MUSTER_API_URL ?? '') !== '';
  }

  /**
   * As `api.call`, for what bundles and roles alone say: where no server was named and none answers, this program says it
   * itself.
   */
  async look<R extends Route>(route: R, input: CallInput<R>): Promise<ResponseOf<R>> {
    try {
      return await this.api.call(route, input);
    } catch (error) {
      const { answerFromLibrary } = this.io;
      const isThere = !(error instanceof CliError) || error.code !== EXIT.unreachable;
      if (isThere || this.namesServer || answerFromLibrary === undefined) throw error;
      if (!this.toldOfLibrary) this.tell('no server answers on this computer: told from what comes with this program');
      this.toldOfLibrary = true;
      return (await answerFromLibrary(route.id, input)) as ResponseOf<R>;
    }
  }

  /** Reads its settings again: a server on this computer may have started since. */
  reopen(): void {
    this.opened = null;
  }

  get apiUrl(): string {
    return clientSettings(this.io.environment, this.globals()).url;
  }

  print(text: string): void {
    this.io.stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  }

  /** For people while they wait; never part of the result. */
  tell(text: string): void {
    this.io.stderr.write(text.endsWith('\n') ? text : `${text}\n`);
  }

  /** The result: JSON where it was asked for, text for people otherwise. */
  show(value: unknown, asText: () => string): void {
    this.print(this.json ? JSON.stringify(value, null, 2) : asText());
  }

  /** A value of an option: as it is, from a file (`@FILE`; `@@x` means `@x`), or, once, from standard input (`-`). */
  async openValue(text: string): Promise<string> {
    if (text.startsWith('@@')) return text.slice(1);
    if (text.startsWith('@')) return readText(text.slice(1)).trimEnd();
    if (text !== '-') return text;
    if (this.inputIsRead) throw new CliError(EXIT.usage, 'cannot read two values from standard input');
    this.inputIsRead = true;
    const parts: Buffer[] = [];
    for await (const part of this.io.stdin) parts.push(Buffer.from(part as Buffer | string));
    return Buffer.concat(parts).toString('utf8').trimEnd();
  }

  /** Both ends are a terminal, and what is printed is for people. */
  get asksSecrets(): boolean {
    return this.io.canAsk && this.io.isTty && !this.json;
  }

  /** Asks for a value that the terminal does not show. */
  async askSecret(message: string): Promise<string> {
    // Loaded when it is needed: every command pays for what is loaded at its start.
    const { password } = await import('@inquirer/prompts');
    return password({ message }, { input: this.io.stdin, output: process.stderr, signal: this.io.signal });
  }

  /** After Ctrl-C nothing is begun that was not begun before. */
  private refuseInterrupted(): void {
    if (this.io.signal.aborted) throw new CliError(EXIT.interrupted, 'interrupted: nothing was done');
  }

  /** Asks before something is destroyed. Without a terminal and without --yes nothing is done. */
  async confirm(question: string, options: { yes?: boolean }): Promise<void> {
    this.refuseInterrupted();
    if (options.yes === true) return;
    if (!this.io.canAsk || this.inputIsRead)
      throw new CliError(EXIT.refused, `${question} Not without being told`, 'add --yes');
    const dialog = createInterface({ input: this.io.stdin, terminal: false });
    this.io.stderr.write(`${question} [y/N] `);
    try {
      // Ctrl-D ends the dialog, and leaves the question without an answer.
      const ended = new Promise<string>((resolve) => dialog.once('close', () => resolve('')));
      const answer = await Promise.race([dialog.question('', { signal: this.io.signal }), ended]);
      if (!/^y(es)?$/i.test(answer.trim())) throw new CliError(EXIT.refused, 'nothing was done');
    } finally {
      dialog.close();
    }
  }
}

/** Puts one command (or group) on the program. */
export type Register = (program: Command, context: CliContext) => void;
