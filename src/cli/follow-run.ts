import { runsRoutes, type Run, type RunDetail } from '../api/contract/index.js';
import type { CliContext } from './context.js';
import { CliError, EXIT } from './exit-code.js';
import { pause } from './pause.js';
import { RunProgress } from './run-progress.js';

/** How often the picture is drawn anew although nothing was heard: time left goes on. */
const REFRESH_MS = 2000;
const OVER: readonly Run['status'][] = ['succeeded', 'failed', 'cancelled'];

/** A run that waits for a person does not go on by itself. */
function waits(run: RunDetail): boolean {
  return run.status === 'paused' && run.steps.some((step) => step.status === 'needs-operator');
}

/**
 * Shows a run until it is over, over lost connections and restarts of the server. Ctrl-C leaves the run going, says how
 * to follow it again, and throws with exit code 130; a run that failed throws with exit code 1, and what to do next:
 * what `hintOf` says, or to retry it.
 */
export async function followRun(
  context: CliContext,
  runId: string,
  hintOf?: (run: RunDetail) => string | null,
): Promise<RunDetail> {
  const progress = new RunProgress(context);
  const stop = new AbortController();
  const signal = AbortSignal.any([context.io.signal, stop.signal]);
  const bell = new Bell();
  const listening = listen(context, runId, signal, bell);
  try {
    for (;;) {
      const run = await show(context, runId, signal, progress);
      if (run !== null && (OVER.includes(run.status) || waits(run))) {
        progress.end();
        return settled(run, hintOf?.(run) ?? null);
      }
      await bell.next(REFRESH_MS, signal);
      if (context.io.signal.aborted) throw interrupted(runId);
    }
  } finally {
    progress.end();
    stop.abort();
    await listening;
  }
}

async function show(
  context: CliContext,
  runId: string,
  signal: AbortSignal,
  progress: RunProgress,
): Promise<RunDetail | null> {
  try {
    const run = await context.api.call(runsRoutes.show, { params: { run: runId } }, signal);
    progress.show(run);
    return run;
  } catch (error) {
    if (context.io.signal.aborted) throw interrupted(runId);
    if (!(error instanceof CliError) || error.code !== EXIT.unreachable) throw error;
    progress.lost(error.message);
    return null;
  }
}

/** Every event rings; what it says is read from the run itself. */
async function listen(context: CliContext, runId: string, signal: AbortSignal, bell: Bell): Promise<void> {
  try {
    for await (const _ of context.api.stream(runsRoutes.events, { params: { run: runId } }, { signal })) bell.ring();
  } catch {
    // What keeps the stream from coming keeps the look-ups from coming too, and those say so.
  }
  bell.ring();
}

class Bell {
  private rung = false;
  private wake: (() => void) | null = null;

  ring(): void {
    this.rung = true;
    this.wake?.();
  }

  /** Resolves at the next ring (rings meanwhile count), after the time, or when the signal aborts. */
  async next(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.rung) {
      await pause(ms, signal, (wake) => {
        this.wake = wake;
      });
    }
    this.rung = false;
    this.wake = null;
    // Many events at once are one look.
    await pause(200, signal);
  }
}

function interrupted(runId: string): CliError {
  return new CliError(
    EXIT.interrupted,
    'interrupted; the run goes on',
    `muster logs -f ${runId}; muster cancel ${runId}`,
  );
}

function settled(run: RunDetail, instead: string | null): RunDetail {
  if (run.status === 'succeeded') return run;
  const bad = run.steps.filter((step) => ['failed', 'needs-operator'].includes(step.status));
  const details = bad.map((step) => ({
    at: step.key,
    message: `${step.reason ?? step.status}${step.hint === null ? '' : ` (${step.hint})`}`,
  }));
  const what = run.status === 'paused' ? 'waits for an operator' : run.status;
  const hint =
    instead ?? `muster logs ${run.id}; then muster retry ${run.id}, or muster skip ${run.id} STEP --why TEXT`;
  throw new CliError(
    EXIT.failed,
    `${run.title}: ${what}${run.reason === null ? '' : `: ${run.reason}`}`,
    hint,
    details,
  );
}
