import { connect, type Socket } from 'node:net';
import { z } from 'zod';
import { PowerError } from '../power-error.js';

/** No reply that we ask for comes near; a longer line is not QMP. */
const MAX_LINE_BYTES = 1024 * 1024;

const message = z.looseObject({
  QMP: z.looseObject({}).optional(),
  event: z.string().optional(),
  return: z.unknown().optional(),
  error: z.object({ class: z.string(), desc: z.string() }).optional(),
  id: z.number().optional(),
});
type Message = z.infer<typeof message>;

/**
 * A session with one QEMU process: JSON lines over a unix socket (QEMU's docs/interop/qmp-spec.rst). QEMU serves one
 * client at a time and lets others wait, so sessions are short: open, ask, close.
 */
export class QmpClient {
  private buffered = '';
  private nextId = 1;
  private readonly inbox: Message[] = [];
  private failure: PowerError | undefined;
  private wake: () => void = () => undefined;

  private constructor(
    private readonly socket: Socket,
    private readonly path: string,
  ) {
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.receive(text));
    socket.on('error', (error) => this.fail(new PowerError('unreachable', `cannot talk to ${path}: ${error.message}`)));
    socket.on('close', () => this.fail(new PowerError('unreachable', `cannot talk to ${path}: QEMU hung up`)));
  }

  /** Connects and leaves capabilities negotiation; the session ends when the signal aborts. */
  static async open(path: string, signal: AbortSignal): Promise<QmpClient> {
    signal.throwIfAborted();
    const client = new QmpClient(connect({ path }), path);
    const abort = () => client.fail(new PowerError('unreachable', `cannot wait longer for an answer from ${path}`));
    signal.addEventListener('abort', abort, { once: true });
    client.socket.once('close', () => signal.removeEventListener('abort', abort));
    try {
      await client.next((received) => received.QMP !== undefined);
      await client.execute('qmp_capabilities');
      return client;
    } catch (thrown) {
      client.close();
      throw thrown;
    }
  }

  /** Gives what the command returns; events in between are passed over. */
  async execute(command: string, parameters?: Record<string, unknown>): Promise<unknown> {
    const id = this.nextId++;
    this.socket.write(`${JSON.stringify({ execute: command, id, ...(parameters && { arguments: parameters }) })}\n`);
    const reply = await this.next((received) => received.id === id);
    if (reply.error !== undefined) {
      throw new PowerError('refused', `cannot do ${command}: ${reply.error.class}: ${reply.error.desc}`);
    }
    return reply.return;
  }

  close(): void {
    this.socket.destroy();
  }

  private async next(wanted: (received: Message) => boolean): Promise<Message> {
    for (;;) {
      for (let received = this.inbox.shift(); received !== undefined; received = this.inbox.shift()) {
        if (wanted(received)) return received;
      }
      if (this.failure !== undefined) throw this.failure;
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  private receive(text: string): void {
    const lines = (this.buffered + text).split('\n');
    this.buffered = lines.pop() ?? '';
    for (const line of lines) this.accept(line);
    if (this.buffered.length > MAX_LINE_BYTES) this.fail(this.nonsense('a line without an end'));
    this.wake();
  }

  private accept(line: string): void {
    if (line.trim() === '') return;
    const parsed = parseMessage(line);
    if (parsed === null) this.fail(this.nonsense(JSON.stringify(line.slice(0, 80))));
    else this.inbox.push(parsed);
  }

  private nonsense(what: string): PowerError {
    return new PowerError('refused', `cannot read the answer of ${this.path}: ${what} is not QMP`);
  }

  private fail(failure: PowerError): void {
    this.failure ??= failure;
    this.socket.destroy();
    this.wake();
  }
}

function parseMessage(line: string): Message | null {
  try {
    const parsed = message.safeParse(JSON.parse(line));
    return parsed.success ? parsed.data : null;
  } catch {
    return null; // the caller says which line it was
  }
}
