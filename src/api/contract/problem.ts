import { z } from 'zod';

/** RFC 9457. `type` is one of the documented kinds of error; `details` names every place that is wrong. */
export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    instance: z.string(),
    hint: z.string().optional().describe('What to do next'),
    details: z.array(z.object({ at: z.string().optional(), message: z.string() })).optional(),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof problem>;

export const PROBLEM_TYPES = {
  invalid: { status: 400, title: 'The request is wrong' },
  unauthenticated: { status: 401, title: 'A valid token is needed' },
  forbidden: { status: 403, title: 'This token may not do that' },
  'not-found': { status: 404, title: 'There is no such thing' },
  conflict: { status: 409, title: 'Not in the present state' },
  unavailable: { status: 503, title: 'Try again later' },
  internal: { status: 500, title: 'A fault in muster' },
} as const;
export type ProblemKind = keyof typeof PROBLEM_TYPES;
