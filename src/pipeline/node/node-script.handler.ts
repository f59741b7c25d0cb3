import { z } from 'zod';
import { messageOf, MusterError } from '../../error.js';
import type { JsonObject } from '../../plan/index.js';
import { HostKeyMismatchError, type Remote, type RemoteShell } from '../../platform/remote/index.js';
import type { StepContext, StepHandler, StepOutcome } from '../step-handler.js';
import { artifactPaths, nodeArtifact, pushArtifacts, type ArtifactSource } from './artifact-source.js';
import {
  DetachedStep,
  FenceRefusedError,
  type DetachedStepOptions,
  type NodeState,
  type StepFiles,
} from './detached-step.js';
import { exitOutcome } from './exit-code.js';
import { withNode, type NodeDirectory } from './node-directory.js';
import { publishedBy, secretsSoFar, type PublishedValues } from './output-file.js';
import { withPackages, type PackageSet, type PackageSource } from './package-source.js';
import { pollPause } from './poll-pause.js';

/** Input of a step of the kind `node.script`. */
const nodeScriptInput = z.object({
  nodeId: z.string(),
  /** Text of the script; sh unless it begins with `#!`. */
  script: z.string(),
  /** Exit code 0: there is nothing to do. Asked before the first start, and when it is not known how the last ended. */
  checkScript: z.string().optional(),
  /** What the script finds as JSON in the file $MUSTER_INPUT. */
  input: z.json().optional(),
  environment: z.record(z.string(), z.string()).optional(),
  /** Names of variables in `environment` whose values no log and no reason may hold. */
  secretVariables: z.array(z.string()).default([]),
  /** What the script may publish as a secret; any by default. An undeclared one might reach where none may be. */
  secrets: z.array(z.string()).optional(),
  /** The step may reboot the node: by `muster-reboot` (it is run again afterwards), or once when it has succeeded. */
  reboot: z.boolean().optional(),
  /** The values that the script, or its check where that finds it done, has to publish. */
  publishes: z.array(z.string()).optional(),
  /** Files that the node has before the script starts; the script finds the path in ARTIFACT_<NAME>. */
  artifacts: z.array(nodeArtifact).optional(),
  /** Packages that the script may ask apt for; where this server keeps them, apt is given these and no others. */
  packages: z.array(z.string()).optional(),
  /** So long without an answer from the node, and the step has failed for good. Absent: its own limits count. */
  giveUpSeconds: z.number().positive().optional(),
  files: z.array(z.object({ path: z.string(), content: z.string(), mode: z.number().int().optional() })).optional(),
});
type Input = z.infer<typeof nodeScriptInput>;

function inputOf(context: StepContext): Input {
  const input = nodeScriptInput.parse(context.input);
  context.mask(input.secretVariables.map((name) => input.environment?.[name] ?? ''));
  return input;
}

const UNREACHABLE_MS = 2000;
const UNREACHABLE_MOST_MS = 15_000;

/** The handler's notes between deliveries. */
interface Notes {
  /** The start that is wanted on the node, from 1. One more only when how the last one ended is known and dealt with. */
  wanted: number;
  polls: number;
  unreachable: number;
  /** When that began, in ms since 1970. */
  unreachableAt: number | null;
  progressSeen: number;
  /** How much the script has said beyond its log's bound, as the node puts it. */
  beyondSeen: string;
  /** Set while a reboot is waited out: the boot that is to end, and whether the script runs again afterwards. */
  rebooting: { from: string; again: boolean } | null;
  reboots: number;
  /** The check said that there is something to do; artifacts are on their way to the node. */
  sending: boolean;
}

/**
 * Runs a script on a node, detached: it outlives the connection, this process and the job. Each delivery asks the node
 * how things are, does the next thing, and comes back later.
 */
export class NodeScriptHandler implements StepHandler {
  readonly kind = 'node.script';
  readonly resumable = true;

  constructor(
    private readonly needs: {
      remote: Remote;
      nodes: NodeDirectory;
      artifacts: ArtifactSource;
      packages: PackageSource;
    },
    private readonly options: DetachedStepOptions = {},
  ) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const input = inputOf(context);
    const notes = notesOf(context.state);
    try {
      return await withNode(this.needs, input.nodeId, context.signal, (shell, target) =>
        this.look(context, input, notes, this.stepOn(shell, context, target.user)),
      );
    } catch (error) {
      return this.notNow(context, input, notes, error);
    }
  }

  async cancel(context: StepContext): Promise<void> {
    const input = inputOf(context);
    const notes = notesOf(context.state);
    await withNode(this.needs, input.nodeId, context.signal, (shell, target) =>
      this.stepOn(shell, context, target.user).cancel(context.signal),
    );
    await context.saveState({ ...context.state, ...json({ ...notes, rebooting: null }) });
  }

  private stepOn(shell: RemoteShell, context: StepContext, user: string): DetachedStep {
    const execution = { id: context.executionId, fence: context.fence, stepId: context.stepId };
    return new DetachedStep(
      shell,
      execution,
      user === 'root' ? this.options : { ...this.options, prefix: ['sudo', '-n'] },
    );
  }

  private async look(context: StepContext, input: Input, notes: Notes, step: DetachedStep): Promise<StepOutcome> {
    // Nobody has started it: the node need not be asked first. A start that came before is found by the start itself.
    if (Object.keys(context.state).length === 0 && !context.takenOver) return this.begin(context, input, notes, step);
    const state = await step.status(context.logOffset, context.signal);
    await this.take(context, input, notes, step, state);
    if (notes.rebooting !== null) return this.afterReboot(context, input, notes, step, state, notes.rebooting);
    // A start that this execution wanted in vain: `wanted` rises only once the one before is dealt with.
    if (state.tries < notes.wanted && state.state !== 'running') return this.begin(context, input, notes, step);
    return state.state === 'unknown'
      ? this.begin(context, input, notes, step)
      : this.goOn(context, input, notes, step, state);
  }

  /** Takes over what the node says of log, progress and secrets. */
  private async take(
    context: StepContext,
    input: Input,
    notes: Notes,
    step: DetachedStep,
    state: NodeState,
  ): Promise<void> {
    Object.assign(notes, { unreachable: 0, unreachableAt: null });
    context.mask(Object.values(secretsSoFar(input.secrets, state.output)));
    await this.copyLog(context, step, state);
    await markProgress(context, notes, state);
    await markTalk(context, notes, state);
  }

  private async goOn(
    context: StepContext,
    input: Input,
    notes: Notes,
    step: DetachedStep,
    state: NodeState,
  ): Promise<StepOutcome> {
    if (state.state === 'running') return poll(context, notes, step);
    return state.state === 'interrupted' || state.cancelled
      ? this.interrupted(context, input, notes, step)
      : this.finished(context, input, notes, step, state);
  }

  /** The wanted start, once the node has all the artifacts; until then it is delivered again. */
  private async start(context: StepContext, input: Input, notes: Notes, step: DetachedStep): Promise<StepOutcome> {
    notes.progressSeen = 0;
    const set = await this.packagesFor(context, input, step);
    const artifacts = [...(input.artifacts ?? []), ...(set === null ? [] : [set.index, ...set.packages])];
    notes.sending = artifacts.length > 0;
    // The next start finds the first one without a note; but a check is not to be asked while the script runs.
    if (notes.wanted > 1 || notes.sending || input.checkScript !== undefined) await save(context, notes);
    if (notes.sending) {
      if (!(await pushArtifacts(this.needs.artifacts, context, step, artifacts))) return { kind: 'again', afterMs: 0 };
      notes.sending = false;
      await save(context, notes);
    }
    const files = withPackages(filesOf(input, input.script, context, notes, step), set, step);
    const state = await step.start(notes.wanted, files, context.logOffset, context.signal);
    await this.take(context, input, notes, step, state);
    // Only an answer to this start counts; anything else is looked at again.
    const isOver = state.state === 'finished' && state.tries === notes.wanted && !state.cancelled;
    return isOver ? this.finished(context, input, notes, step, state) : poll(context, notes, step);
  }

  private async packagesFor(context: StepContext, input: Input, step: DetachedStep): Promise<PackageSet | null> {
    const names = input.packages ?? [];
    const set = names.length === 0 ? null : await this.needs.packages.find(names, () => step.system(context.signal));
    if (set !== null) await context.log(`[muster: packages come from the archive ${set.from}]\n`);
    return set;
  }

  /** Copies all of the log that is there; an end is only believed when its log is stored. */
  private async copyLog(context: StepContext, step: DetachedStep, first: NodeState): Promise<void> {
    let state = first;
    for (;;) {
      const from = context.logOffset;
      const atEnd = from + state.log.length >= state.logBytes && first.state !== 'running';
      const to = await context.logFrom(from, state.log, atEnd);
      if (to === from || to >= state.logBytes) return;
      state = await step.status(to, context.signal);
    }
  }

  private async begin(context: StepContext, input: Input, notes: Notes, step: DetachedStep): Promise<StepOutcome> {
    const done = notes.sending ? null : await this.checked(context, input, notes, step);
    if (done === null) return this.start(context, input, notes, step);
    await tellUndeclared(context, input, done);
    return ended(input, done, { note: 'unchanged: the check says that it is done already' });
  }

  /** What the check published where it says that the step is done; null where it does not, or there is none. */
  private async checked(
    context: StepContext,
    input: Input,
    notes: Notes,
    step: DetachedStep,
  ): Promise<PublishedValues | null> {
    if (input.checkScript === undefined) return null;
    const check = await step.check(filesOf(input, input.checkScript, context, notes, step), context.signal);
    if (check.log !== '') await context.log(`[check, code ${check.exitCode}]\n${check.log.replace(/\n?$/, '\n')}`);
    return check.exitCode === 0 ? publishedBy(input.secrets, check.output) : null;
  }

  /** It began, and nobody knows how far it came. */
  private async interrupted(
    context: StepContext,
    input: Input,
    notes: Notes,
    step: DetachedStep,
  ): Promise<StepOutcome> {
    const done = await this.checked(context, input, notes, step);
    if (done !== null) return ended(input, done, { note: 'it was interrupted; the check says that it is done' });
    if (input.checkScript === undefined && !context.repeatable && input.reboot !== true) {
      return {
        kind: 'failed',
        failure: 'needs-operator',
        reason: 'interrupted: the step was stopped in the middle, and may not be repeated',
        hint: 'look on the node what it has done; then retry the step, or skip it',
      };
    }
    await context.log('[muster: the step was interrupted and is started again]\n');
    notes.wanted += 1;
    return this.start(context, input, notes, step);
  }

  private async finished(
    context: StepContext,
    input: Input,
    notes: Notes,
    step: DetachedStep,
    state: NodeState,
  ): Promise<StepOutcome> {
    const code = state.exitCode ?? 1;
    if (code === 0 && input.reboot === true && (state.wantsReboot || notes.reboots === 0)) {
      notes.rebooting = { from: state.bootId, again: state.wantsReboot };
      await save(context, notes);
      await step.reboot(context.signal);
      await context.log('[muster: rebooting the node]\n');
      return { kind: 'again', afterMs: UNREACHABLE_MS };
    }
    if (code === 0) {
      const note = state.unchanged ? { note: 'unchanged: the script found everything as it is wanted' } : {};
      const values = publishedBy(input.secrets, state.output);
      await tellUndeclared(context, input, values);
      return ended(input, values, { exitCode: 0, ...note });
    }
    const outcome = exitOutcome(code, context.repeatable, state.lastLine);
    // Its end is known: the next attempt is to start the script again, not to read this exit code again.
    if (outcome.failure === 'transient') await save(context, { ...notes, wanted: notes.wanted + 1 });
    return outcome;
  }

  private async afterReboot(
    context: StepContext,
    input: Input,
    notes: Notes,
    step: DetachedStep,
    state: NodeState,
    rebooting: { from: string; again: boolean },
  ): Promise<StepOutcome> {
    if (state.bootId === rebooting.from) {
      notes.polls += 1;
      // The order may have been lost with the worker that gave it.
      if (notes.polls % 20 === 0) await step.reboot(context.signal);
      await save(context, notes);
      return { kind: 'again', afterMs: 1000 };
    }
    await context.log('[muster: the node is back]\n');
    const next = { ...notes, rebooting: null, reboots: notes.reboots + 1, polls: 0 };
    if (!rebooting.again) {
      await save(context, next);
      return ended(input, publishedBy(input.secrets, state.output), { exitCode: 0 });
    }
    next.wanted += 1;
    return this.start(context, input, next, step);
  }

  /** A node that does not answer is asked again until the step's own limits; what a person must see to is told. */
  private async notNow(context: StepContext, input: Input, notes: Notes, error: unknown): Promise<StepOutcome> {
    if (error instanceof HostKeyMismatchError) {
      return { kind: 'failed', failure: 'needs-operator', reason: error.message, hint: error.hint ?? '' };
    }
    if (error instanceof FenceRefusedError) {
      return { kind: 'failed', failure: 'needs-operator', reason: `the node has a newer execution: ${error.message}` };
    }
    if (!(error instanceof MusterError) || error.kind !== 'unavailable' || context.signal.aborted) throw error;
    const [now, { giveUpSeconds = Infinity }] = [context.clock.now().getTime(), input];
    notes.unreachableAt ??= now;
    if (notes.rebooting === null && now - notes.unreachableAt >= giveUpSeconds * 1000)
      return { kind: 'failed', failure: 'permanent', reason: `no answer for ${giveUpSeconds} s: ${error.message}` };
    notes.unreachable += 1;
    await context.saveState(json(notes));
    if (notes.unreachable === 1 || notes.unreachable % 20 === 0) {
      // Without a sign of life: a node that is away for long is a stall.
      await context.note(`[muster: ${messageOf(error)}; asking again]\n`);
    }
    return { kind: 'again', afterMs: Math.min(UNREACHABLE_MS * notes.unreachable, UNREACHABLE_MOST_MS) };
  }
}

function notesOf(state: JsonObject): Notes {
  return {
    wanted: 1,
    polls: 0,
    unreachable: 0,
    unreachableAt: null,
    progressSeen: 0,
    beyondSeen: '',
    rebooting: null,
    reboots: 0,
    sending: false,
    ...state,
  };
}

const json = (notes: Notes): JsonObject => ({ ...notes, rebooting: notes.rebooting });

async function save(context: StepContext, notes: Notes): Promise<void> {
  await context.saveState(json(notes));
}

async function poll(context: StepContext, notes: Notes, step: DetachedStep): Promise<StepOutcome> {
  notes.polls += 1;
  await save(context, notes);
  return { kind: 'again', afterMs: pollPause(notes.polls, step.statusMs) };
}

async function markProgress(context: StepContext, notes: Notes, state: NodeState): Promise<void> {
  if (state.progress === null || state.progress.number === notes.progressSeen) return;
  notes.progressSeen = state.progress.number;
  await context.progress(state.progress.percent, state.progress.text === '' ? undefined : state.progress.text);
}

/** A script that talks is alive, also where what it says is no longer kept. */
async function markTalk(context: StepContext, notes: Notes, state: NodeState): Promise<void> {
  if (state.beyond === notes.beyondSeen) return;
  notes.beyondSeen = state.beyond;
  await context.alive();
}

/** A success, if all that the role declares was published: who waits for it would fail without a cause to be seen. */
function ended(input: Input, values: PublishedValues, how: { exitCode?: number; note?: string }): StepOutcome {
  const published = new Set([...Object.keys(values.outputs), ...Object.keys(values.secretOutputs)]);
  const missing = (input.publishes ?? []).filter((name) => !published.has(name));
  if (missing.length === 0) return { kind: 'done', ...how, ...values };
  const end = how.exitCode === undefined ? 'the check says that it is done' : `exit code ${how.exitCode}`;
  return {
    kind: 'failed',
    failure: 'permanent',
    reason: `${end}, but it did not publish ${missing.join(', ')}, which its role declares`,
    hint: 'append NAME=VALUE to $MUSTER_OUTPUT, or call muster-publish NAME VALUE',
  };
}

/** A role declares what its steps publish; what it does not, nobody is given. */
async function tellUndeclared(context: StepContext, input: Input, { outputs }: PublishedValues): Promise<void> {
  if (input.secrets === undefined) return;
  const names = Object.keys(outputs).filter((name) => input.publishes?.includes(name) !== true);
  if (names.length === 0) return;
  const list = names.join(', ');
  await context.note(
    `[muster: it published ${list}, which is given to nobody: role.yaml says no publishes: [${list}]]\n`,
  );
}

function filesOf(input: Input, script: string, context: StepContext, notes: Notes, step: DetachedStep): StepFiles {
  return {
    script,
    input: JSON.stringify(input.input ?? {}),
    environment: {
      ...input.environment,
      ...artifactPaths(step, input.artifacts ?? []),
      MUSTER_ATTEMPT: String(context.attempt),
      MUSTER_REBOOTS: String(notes.reboots),
    },
    files: input.files ?? [],
  };
}
