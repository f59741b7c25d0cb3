import { MusterError } from '../../error.js';
import type { Remote, RemoteShell, RemoteTarget } from '../../platform/remote/index.js';

/** Where nodes are, and how to reach them; who keeps nodes implements it. */
export interface NodeDirectory {
  find(nodeId: string): Promise<(RemoteTarget & { name: string }) | null>;
  /** Why a node that does not answer never will again, where that is known; null: it may. */
  lossOf?(nodeId: string): Promise<string | null>;
}

/**
 * Connects to a node for one piece of work. Throws `not-found` (permanent) where there is no such node any more, or what
 * {@link Remote.connect} throws.
 */
export async function withNode<Result>(
  needs: { remote: Remote; nodes: NodeDirectory },
  nodeId: string,
  signal: AbortSignal,
  work: (shell: RemoteShell, target: RemoteTarget & { name: string }) => Promise<Result>,
): Promise<Result> {
  const target = await needs.nodes.find(nodeId);
  if (target === null) throw new MusterError('not-found', `cannot find node ${nodeId}: it was removed`);
  const shell = await needs.remote.connect(target, { signal, timeoutMs: 10_000 }).catch(async (error: unknown) => {
    const loss = isUnreachable(error) && !signal.aborted ? await needs.nodes.lossOf?.(nodeId) : null;
    if (loss == null) throw error;
    const hint = 'put another in its place: muster retry RUN --replace';
    throw new MusterError('not-found', `cannot reach ${target.name}: ${loss}`, { hint, cause: error });
  });
  try {
    return await work(shell, target);
  } finally {
    await shell.close();
  }
}

function isUnreachable(error: unknown): boolean {
  return error instanceof MusterError && error.kind === 'unavailable';
}
