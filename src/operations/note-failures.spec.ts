import { expect, it } from 'vitest';
import type { StepContext, StepHandler, StepOutcome } from '../pipeline/index.js';
import { notingFailures } from './note-failures.js';

function noted() {
  const notes: string[] = [];
  const machines = {
    fail: (machineId: string, reason: string) => Promise.resolve(void notes.push(`${machineId} failed: ${reason}`)),
    clearFailure: (machineId: string) => Promise.resolve(void notes.push(`${machineId} is tried again`)),
  };
  const run = (outcome: StepOutcome, context: Partial<StepContext>) => {
    const handler: StepHandler = { kind: 'machine.x', resumable: true, run: () => Promise.resolve(outcome) };
    return notingFailures(handler, machines).run(context as StepContext);
  };
  return { notes, run };
}

const FAILED: StepOutcome = { kind: 'failed', failure: 'permanent', reason: 'no disk' };

it('notes on the machine what went wrong, until the step is tried again', async () => {
  const { notes, run } = noted();
  await run(FAILED, { attempt: 1, input: { machineId: 'm1' } });
  await run({ kind: 'again', afterMs: 1000 }, { attempt: 2, input: { machineId: 'm1' } });
  expect(notes).toEqual(['m1 failed: no disk', 'm1 is tried again']);
});

it('leaves steps without a machine alone', async () => {
  const { notes, run } = noted();
  expect(await run(FAILED, { attempt: 2, input: {} })).toBe(FAILED);
  expect(notes).toEqual([]);
});
