import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StepContext, StepHandler, StepOutcome } from '../../src/pipeline/index.js';
import { isOutputReference, type JsonObject, type JsonValue, type StepSpec } from '../../src/plan/index.js';
import { systemClock } from '../../src/platform/clock.js';

/** Carries out the steps of a provider with its real handlers, in order, without an engine and its database. */
export class PlanRunner {
  readonly outputs = new Map<string, Record<string, JsonValue>>();
  readonly log: string[] = [];
  private readonly handlers: Map<string, StepHandler>;
  private readonly states = new Map<string, JsonObject>();
  private readonly id = randomUUID();

  constructor(
    handlers: readonly StepHandler[],
    private readonly deploymentId: string,
  ) {
    this.handlers = new Map(handlers.map((handler) => [handler.kind, handler]));
  }

  /** Throws with the reason of the first step that fails. */
  async run(steps: readonly StepSpec[]): Promise<void> {
    const done = new Set(this.outputs.keys());
    for (const step of steps) {
      const missing = step.after.filter((key) => !done.has(key));
      if (missing.length > 0) throw new Error(`${step.key} comes before ${missing.join(', ')}`);
      await this.runStep(step);
      done.add(step.key);
    }
  }

  /** A value of a step's input or of a registration, with what was published in its place. */
  resolve(value: JsonValue): JsonValue {
    if (isOutputReference(value)) return this.outputs.get(value.$output.step)?.[value.$output.name] ?? null;
    if (Array.isArray(value)) return value.map((item) => this.resolve(item));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.resolve(item)]));
  }

  private async runStep(step: StepSpec): Promise<void> {
    const handler = this.handlers.get(step.kind);
    if (handler === undefined) throw new Error(`no handler for ${step.kind}`);
    const until = Date.now() + step.timeoutSeconds * 1000;
    for (;;) {
      const outcome: StepOutcome = await handler.run(this.context(step));
      if (outcome.kind === 'failed')
        throw new Error(`${step.key}: ${outcome.reason} (${this.log.slice(-5).join(' ')})`);
      if (outcome.kind === 'done') {
        this.outputs.set(step.key, { ...outcome.outputs });
        return;
      }
      if (Date.now() > until) throw new Error(`${step.key} takes longer than ${step.timeoutSeconds} s`);
      await sleep(outcome.afterMs);
    }
  }

  private context(step: StepSpec): StepContext {
    const nothing = () => Promise.resolve();
    return {
      ...{ runId: 'run', stepId: step.key, stepKey: step.key, subject: { kind: 'deployment', id: this.deploymentId } },
      ...{
        executionId: `${this.id} ${step.key}`,
        fence: 1,
        attempt: 1,
        startedAt: new Date(),
        takenOver: false,
        repeatable: true,
      },
      input: this.resolve(step.input) as JsonObject,
      state: this.states.get(step.key) ?? {},
      clock: systemClock,
      signal: new AbortController().signal,
      saveState: (state) => Promise.resolve(void this.states.set(step.key, state)),
      log: (text) => Promise.resolve(void this.log.push(text)),
      alive: nothing,
      note: nothing,
      logOffset: 0,
      logFrom: (offset) => Promise.resolve(offset),
      mask: () => undefined,
      progress: nothing,
    };
  }
}
