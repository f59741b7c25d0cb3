import { z } from 'zod';
import { MusterError } from '../../error.js';
import {
  withNode,
  type NodeDirectory,
  type StepContext,
  type StepHandler,
  type StepOutcome,
} from '../../pipeline/index.js';
import type { Remote, RemoteShell, RemoteTarget } from '../../platform/remote/index.js';

const sendInput = z.object({
  from: z.string(),
  to: z.string(),
  path: z.string().startsWith('/'),
  target: z.string().startsWith('/'),
  bytes: z.coerce.number().int().positive(),
});

/** Sent at once; a third more on the way from the source, as base64. */
const PIECE_BYTES = 4 << 20;
/** One delivery sends for so long; then the step is delivered again. */
const SLICE_MS = 15_000;

interface End {
  shell: RemoteShell;
  prefix: string[];
}

/** Sends a file from one node to another through this server, so that hosts need not let one another in. */
export class SendContainerHandler implements StepHandler {
  readonly kind = 'container.send';
  readonly resumable = true;

  constructor(private readonly needs: { remote: Remote; nodes: NodeDirectory }) {}

  run(context: StepContext): Promise<StepOutcome> {
    const input = sendInput.parse(context.input);
    const end = (shell: RemoteShell, { user }: RemoteTarget): End => ({
      shell,
      prefix: user === 'root' ? [] : ['sudo', '-n'],
    });
    return withNode(this.needs, input.from, context.signal, (source, here) =>
      withNode(this.needs, input.to, context.signal, (target, there) =>
        send(context, input, end(source, here), end(target, there)),
      ),
    );
  }
}

async function send(
  context: StepContext,
  { path, target, bytes }: z.output<typeof sendInput>,
  from: End,
  to: End,
): Promise<StepOutcome> {
  const until = context.clock.now().getTime() + SLICE_MS;
  let sent = await sizeOf(to, target, context.signal);
  if (sent > bytes) sent = 0;
  while (sent < bytes) {
    const piece = await read(from, path, sent, context.signal);
    if (piece.length === 0)
      throw new MusterError('conflict', `cannot send ${path}: it ends at byte ${sent} of ${bytes}`);
    await append(to, target, sent, piece, context.signal);
    sent += piece.length;
    const mib = (size: number) => Math.ceil(size / 2 ** 20);
    await context.progress(Math.floor((sent / bytes) * 100), `${mib(sent)} of ${mib(bytes)} MiB`);
    if (sent < bytes && context.clock.now().getTime() > until) return { kind: 'again', afterMs: 0 };
  }
  return { kind: 'done' };
}

async function sizeOf(end: End, path: string, signal: AbortSignal): Promise<number> {
  const script = 'umask 077; mkdir -p "$(dirname "$0")"; [ -e "$0" ] || : >"$0"; stat -c %s "$0"';
  return Number(await said(end, ['sh', '-c', script, path], { signal }));
}

async function read(end: End, path: string, offset: number, signal: AbortSignal): Promise<Buffer> {
  const script = 'tail -c "+$(($1 + 1))" "$0" | head -c "$2" | base64 -w 0';
  const text = await said(end, ['sh', '-c', script, path, String(offset), String(PIECE_BYTES)], { signal });
  return Buffer.from(text, 'base64');
}

/** What an earlier delivery left beyond the offset, or is still writing, is cut off. */
async function append(end: End, path: string, offset: number, stdin: Buffer, signal: AbortSignal): Promise<void> {
  await said(end, ['sh', '-c', 'truncate -s "$1" "$0" && cat >>"$0"', path, String(offset)], { signal, stdin });
}

async function said(
  { shell, prefix }: End,
  argv: string[],
  options: { signal: AbortSignal; stdin?: Buffer },
): Promise<string> {
  const result = await shell.exec([...prefix, ...argv], { ...options, timeoutMs: 120_000 });
  if (result.code === 0) return result.stdout;
  throw new MusterError(
    'unavailable',
    `cannot send the container: ${result.stderr.trim()} (code ${result.code ?? 'none'})`,
  );
}
