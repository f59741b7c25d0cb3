import { z } from 'zod';
import { messageOf, MusterError } from '../../error.js';
import { HostKeyMismatchError, type Remote } from '../../platform/remote/index.js';
import type { StepContext, StepHandler, StepOutcome } from '../step-handler.js';
import { storable } from '../storable.js';
import { withNode, type NodeDirectory } from './node-directory.js';

/** Input of a step of the kind `node.wait`: a TCP port that accepts on the node, or a command that succeeds there. */
export const nodeWaitInput = z.union([
  z.object({
    nodeId: z.string(),
    tcp: z.object({ port: z.coerce.number().int().min(1).max(65535), host: z.string().default('127.0.0.1') }),
  }),
  z.object({ nodeId: z.string(), command: z.array(z.string()).min(1) }),
]);

const POLL_MS = 1000;
const COMMAND_TIMEOUT_MS = 20_000;

/** Connects, asks, and comes back later until it is so; the step's time-out bounds it. */
export class NodeWaitHandler implements StepHandler {
  readonly kind = 'node.wait';
  readonly resumable = true;

  constructor(private readonly needs: { remote: Remote; nodes: NodeDirectory }) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const input = nodeWaitInput.parse(context.input);
    const argv = 'tcp' in input ? portProbe(input.tcp.host, input.tcp.port) : input.command;
    let answer: string;
    try {
      const result = await withNode(this.needs, input.nodeId, context.signal, (shell) =>
        shell.exec(argv, { readOnly: true, timeoutMs: COMMAND_TIMEOUT_MS, signal: context.signal }),
      );
      if (result.code === 0) return { kind: 'done' };
      answer = `code ${result.code ?? 'none'} ${result.stderr.trim() || result.stdout.trim()}`;
    } catch (error) {
      if (!isWorthWaiting(error) || context.signal.aborted) throw error;
      answer = messageOf(error);
    }
    return notYet(context, answer);
  }
}

/** Bash's own sockets, or python's or busybox's where there is no bash. */
function portProbe(host: string, port: number): string[] {
  const script =
    'if command -v bash >/dev/null; then exec timeout 5 bash -c \': </dev/tcp/"$0"/"$1"\' "$1" "$2"; fi; exec timeout 5 nc -z "$1" "$2"';
  return ['sh', '-c', script, 'sh', host, String(port)];
}

/** Input of a step of the kind `node.ssh`. A node that is away for longer has failed the step, and is named. */
export const nodeSshInput = z.object({ nodeId: z.string(), withinSeconds: z.number().int().positive() });

/** Waits until the node answers SSH with its pinned key and lets us in. */
export class NodeSshHandler implements StepHandler {
  readonly kind = 'node.ssh';
  readonly resumable = true;

  constructor(private readonly needs: { remote: Remote; nodes: NodeDirectory }) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const { nodeId, withinSeconds } = nodeSshInput.parse(context.input);
    try {
      const result = await withNode(this.needs, nodeId, context.signal, (shell) =>
        shell.exec(['true'], { readOnly: true, timeoutMs: COMMAND_TIMEOUT_MS, signal: context.signal }),
      );
      return result.code === 0 ? { kind: 'done' } : await notYet(context, `code ${result.code ?? 'none'}`);
    } catch (error) {
      if (error instanceof HostKeyMismatchError) {
        return { kind: 'failed', failure: 'needs-operator', reason: error.message, hint: error.hint ?? '' };
      }
      if (!isWorthWaiting(error) || context.signal.aborted) throw error;
      const isOver = context.clock.now().getTime() - context.startedAt.getTime() >= withinSeconds * 1000;
      return isOver ? noAnswer(context, withinSeconds, error) : notYet(context, messageOf(error));
    }
  }
}

function noAnswer({ runId }: StepContext, seconds: number, error: unknown): StepOutcome {
  return {
    kind: 'failed',
    failure: 'permanent',
    reason: `no answer in ${seconds} s: ${messageOf(error)}`,
    hint: `bring it back, then muster retry ${runId}; or put another in its place: muster retry ${runId} --replace`,
  };
}

function isWorthWaiting(error: unknown): boolean {
  return error instanceof MusterError && error.kind === 'unavailable';
}

/** Says each new answer once. Waiting is this step's work, so it does not count as a stall. */
async function notYet(context: StepContext, said: string): Promise<StepOutcome> {
  const answer = storable(said);
  if (context.state.answer === answer) await context.alive();
  else {
    await context.saveState({ answer });
    await context.log(`not yet: ${answer}\n`);
  }
  return { kind: 'again', afterMs: POLL_MS };
}
