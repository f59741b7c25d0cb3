import type { AttemptView, EventView, RunSummary, RunView, StepView } from '../../pipeline/index.js';
import type { attempt, Event, Run, RunDetail, Step } from '../contract/index.js';
import type { z } from 'zod';

export const isoOf = (date: Date | null): string | null => date?.toISOString() ?? null;

export const RUN_OVER: readonly RunSummary['status'][] = ['succeeded', 'failed', 'cancelled'];

/** A run as a list shows it; the part done is counted in steps. */
export function runSummaryView(run: RunSummary, subjectName: string | null): Run {
  const { total, done } = run.steps;
  return { ...partsOf(run, subjectName), ...progress(done, total, total === 0 ? 100 : (done * 100) / total, null) };
}

export function runView(run: RunView, subjectName: string | null): Run {
  const { total, done } = run.counts;
  return { ...partsOf(run, subjectName), ...progress(done, total, run.percent, run.secondsLeft) };
}

export function runDetailView(run: RunView, subjectName: string | null): RunDetail {
  return { ...runView(run, subjectName), steps: run.steps.map(stepView) };
}

function partsOf(run: Omit<RunSummary, 'steps'>, subjectName: string | null) {
  const { id, action, title, actor, status, reason } = run;
  return {
    ...{ id, action, title, actor, status, reason },
    subject: { ...run.subject, name: subjectName },
    createdAt: run.createdAt.toISOString(),
    startedAt: isoOf(run.startedAt),
    endedAt: isoOf(run.finishedAt),
  };
}

function progress(stepsDone: number, stepsTotal: number, percent: number, secondsLeft: number | null) {
  return { stepsDone, stepsTotal, percent: Math.round(percent * 10) / 10, secondsLeft };
}

function stepView(step: StepView): Step {
  const { id, key, kind, title, lane, after, status, percent, message, reason, hint, note, destructive } = step;
  return {
    ...{ id, key, kind, title, lane, after, status, percent, message, reason, hint, note, destructive },
    attempts: step.attempt,
    startedAt: isoOf(step.startedAt),
    endedAt: isoOf(step.finishedAt),
  };
}

export function attemptView(view: AttemptView): z.output<typeof attempt> {
  const { number, executionId, worker, outcome, failure, exitCode, reason } = view;
  const startedAt = view.startedAt.toISOString();
  return {
    number,
    executionId,
    worker,
    outcome,
    failure,
    exitCode,
    reason,
    startedAt,
    endedAt: isoOf(view.finishedAt),
  };
}

export function eventView(view: EventView): Event {
  const { number, kind, message, subject, runId, stepId, data } = view;
  return { number, at: view.at.toISOString(), kind, message, subject, runId, stepId, data };
}
