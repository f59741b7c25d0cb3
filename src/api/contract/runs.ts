import { z } from 'zod';
import { anyObject, flag, id, pageOf, pageQuery, subject, time } from './primitives.js';
import { route } from './route.js';

export const runStatus = z.enum(['queued', 'running', 'paused', 'succeeded', 'failed', 'cancelled']);
export type RunStatus = z.infer<typeof runStatus>;
export const stepStatus = z.enum([
  'waiting',
  'ready',
  'queued',
  'running',
  'succeeded',
  'failed',
  'skipped',
  'cancelled',
  'needs-operator',
]);

export const run = z
  .object({
    id,
    action: z.string().describe('`up`, `commission`, `release`, …'),
    title: z.string(),
    subject,
    actor: z.string(),
    status: runStatus,
    /** Steps, not time. */
    stepsDone: z.number().int(),
    stepsTotal: z.number().int(),
    percent: z.number(),
    /** From how long such steps took before; null: not known yet. */
    secondsLeft: z.number().nullable(),
    reason: z.string().nullable(),
    createdAt: time,
    startedAt: time.nullable(),
    endedAt: time.nullable(),
  })
  .meta({ id: 'Run' });
export type Run = z.infer<typeof run>;

export const step = z
  .object({
    id,
    key: z.string(),
    kind: z.string(),
    title: z.string(),
    lane: z.string().nullable(),
    after: z.array(z.string()),
    status: stepStatus,
    attempts: z.number().int(),
    percent: z.number().nullable(),
    message: z.string().nullable(),
    reason: z.string().nullable(),
    hint: z.string().nullable(),
    note: z.string().nullable(),
    destructive: z.boolean(),
    startedAt: time.nullable(),
    endedAt: time.nullable(),
  })
  .meta({ id: 'Step' });
export type Step = z.infer<typeof step>;

export const attempt = z
  .object({
    number: z.number().int(),
    executionId: z.string(),
    worker: z.string(),
    outcome: z.string().nullable(),
    failure: z.string().nullable(),
    exitCode: z.number().int().nullable(),
    reason: z.string().nullable(),
    startedAt: time,
    endedAt: time.nullable(),
  })
  .meta({ id: 'Attempt' });

export const runDetail = run.extend({ steps: z.array(step) }).meta({ id: 'RunDetail' });
export type RunDetail = z.infer<typeof runDetail>;

/** A step of a plan that has not been stored. */
export const plannedStep = z
  .object({
    key: z.string(),
    kind: z.string(),
    title: z.string(),
    lane: z.string().nullable(),
    after: z.array(z.string()),
    destructive: z.boolean(),
  })
  .meta({ id: 'PlannedStep' });
export type PlannedStep = z.infer<typeof plannedStep>;

/** Something that happened. Who has seen a number has seen all below it. */
export const event = z
  .object({
    number: z.number().int(),
    at: time,
    kind: z.string().describe('`run.started`, `step.failed`, …'),
    message: z.string(),
    subject: subject.omit({ name: true }).nullable(),
    runId: z.string().nullable(),
    stepId: z.string().nullable(),
    data: anyObject,
  })
  .meta({ id: 'Event' });
export type Event = z.infer<typeof event>;

export const logChunk = z
  .object({
    stepKey: z.string(),
    /** Where in the step's log this text begins, in bytes. */
    offset: z.number().int(),
    text: z.string(),
  })
  .meta({ id: 'LogChunk' });
export type LogChunk = z.infer<typeof logChunk>;

export const runOutput = z
  .object({
    step: z.string(),
    name: z.string(),
    secret: z.boolean(),
    value: z.unknown().describe('null: a secret that was not opened'),
  })
  .meta({ id: 'RunOutput' });
export type RunOutput = z.infer<typeof runOutput>;

export const runsRoutes = {
  list: route({
    id: 'runs.list',
    method: 'GET',
    path: '/v1/runs',
    summary: 'Runs, newest first',
    role: 'viewer',
    query: pageQuery.extend({
      subject: z.string().optional().describe('Only runs about this machine or deployment, by id or name'),
      status: runStatus.optional(),
    }),
    response: pageOf(run),
  }),
  show: route({
    id: 'runs.show',
    method: 'GET',
    path: '/v1/runs/:run',
    summary: 'A run with its steps',
    role: 'viewer',
    response: runDetail,
  }),
  attempts: route({
    id: 'runs.attempts',
    method: 'GET',
    path: '/v1/runs/:run/steps/:step/attempts',
    summary: 'Every try of a step (by its key, `/` as `~`)',
    role: 'viewer',
    response: z.object({ items: z.array(attempt) }),
  }),
  outputs: route({
    id: 'runs.outputs',
    method: 'GET',
    path: '/v1/runs/:run/outputs',
    summary: 'What its steps have published; of secrets the name alone',
    role: 'viewer',
    response: z.object({ items: z.array(runOutput) }),
  }),
  openOutput: route({
    id: 'runs.open-output',
    method: 'POST',
    path: '/v1/runs/:run/steps/:step/outputs/:output/open',
    summary: 'One value that a step (by its key, `/` as `~`) has published, opened where it is a secret',
    role: 'operator',
    response: runOutput,
  }),
  log: route({
    id: 'runs.log',
    method: 'GET',
    path: '/v1/runs/:run/log',
    summary: 'The log of a run, or of one step; with `follow` as events until the run ends',
    role: 'viewer',
    query: z.object({
      step: z.string().optional().describe('Key of a step; default: all'),
      offset: z.coerce.number().int().min(0).default(0).describe('With `step`: from this byte on'),
      follow: flag.default(false),
    }),
    produces: 'text/event-stream',
    response: logChunk,
  }),
  events: route({
    id: 'runs.events',
    method: 'GET',
    path: '/v1/runs/:run/events',
    summary: 'Events of one run as they happen, until it ends; resume with Last-Event-ID',
    role: 'viewer',
    produces: 'text/event-stream',
    response: event,
  }),
  pause: control('pause', 'Starts no further step; those in flight end'),
  resume: control('resume', 'Goes on with a paused run'),
  retry: route({
    id: 'runs.retry',
    method: 'POST',
    path: '/v1/runs/:run/retry',
    summary: 'Goes on from the failed steps',
    role: 'operator',
    body: z.strictObject({
      steps: z.array(z.string()).min(1).max(1000).optional().describe('Keys of steps; default: all that failed'),
    }),
    response: run,
  }),
  cancel: control('cancel', 'Ends a run cleanly'),
  skip: route({
    id: 'runs.skip',
    method: 'POST',
    path: '/v1/runs/:run/steps/:step/skip',
    summary: 'Counts a step as done without doing it',
    role: 'operator',
    body: z.strictObject({ why: z.string().min(1).max(1000) }),
    response: run,
  }),
};

function control<const Name extends 'pause' | 'resume' | 'cancel'>(name: Name, summary: string) {
  return route({
    id: `runs.${name}`,
    method: 'POST',
    path: `/v1/runs/:run/${name}`,
    summary,
    role: 'operator',
    response: run,
  });
}

export const eventsRoutes = {
  stream: route({
    id: 'events.stream',
    method: 'GET',
    path: '/v1/events',
    summary: 'Everything that happens, as it happens; resume with Last-Event-ID',
    role: 'viewer',
    query: z.object({
      after: z.coerce.number().int().min(0).optional().describe('Begin after this number; default: now'),
    }),
    produces: 'text/event-stream',
    response: event,
  }),
};
