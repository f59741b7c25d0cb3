import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Inject } from '@nestjs/common';
import type { Request, Response } from 'express';
import { MusterError, type ErrorKind } from '../error.js';
import { LOGGER, type Logger } from '../platform/log/index.js';
import { PROBLEM_TYPES, type Problem, type ProblemKind } from './contract/index.js';

/** The one place where errors become answers: RFC 9457 problem details. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(@Inject(LOGGER) private readonly log: Logger) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<Request>();
    const response = http.getResponse<Response>();
    const problem = problemOf(thrown, request.originalUrl.split('?')[0] ?? '');
    if (problem.status >= 500) this.log.error({ error: thrown, path: problem.instance }, 'a request failed');
    if (response.headersSent) {
      // An event stream broke off: the client sees the cut and resumes.
      response.destroy();
      return;
    }
    if (problem.status === 401) response.setHeader('WWW-Authenticate', 'Bearer realm="muster"');
    if (problem.status === 503) response.setHeader('Retry-After', '5');
    response.status(problem.status).type('application/problem+json').send(JSON.stringify(problem));
  }
}

export function problemOf(thrown: unknown, instance: string): Problem {
  if (thrown instanceof MusterError) {
    return {
      ...bare(thrown.kind, instance),
      detail: thrown.kind === 'internal' ? bare('internal', instance).detail : thrown.message,
      ...(thrown.hint === undefined ? {} : { hint: thrown.hint }),
      ...(thrown.details.length === 0 ? {} : { details: [...thrown.details] }),
    };
  }
  const status = statusOf(thrown);
  if (status === null) return bare(isLostDatastore(thrown) ? 'unavailable' : 'internal', instance);
  return { ...bare(kindOf(status), instance), status, detail: messageForStatus(status, thrown) };
}

function bare(kind: ErrorKind & ProblemKind, instance: string): Problem {
  const { status, title } = PROBLEM_TYPES[kind];
  const detail =
    kind === 'unavailable' ? 'cannot reach a datastore just now' : 'cannot do this: a fault in muster, see its log';
  return { type: `urn:muster:problem:${kind}`, title, status, detail, instance };
}

/** The status of Nest's own and of the body parser's errors. */
function statusOf(thrown: unknown): number | null {
  if (thrown instanceof HttpException) return thrown.getStatus();
  if (typeof thrown === 'object' && thrown !== null && 'status' in thrown && typeof thrown.status === 'number') {
    return thrown.status >= 400 && thrown.status < 500 ? thrown.status : null;
  }
  return null;
}

function kindOf(status: number): ProblemKind {
  const known = (Object.keys(PROBLEM_TYPES) as ProblemKind[]).find((kind) => PROBLEM_TYPES[kind].status === status);
  if (known !== undefined) return known;
  return status >= 500 ? 'internal' : 'invalid';
}

function messageForStatus(status: number, thrown: unknown): string {
  if (status === 413) return 'cannot take this request: its body is too large';
  return thrown instanceof Error ? `cannot take this request: ${thrown.message}` : 'cannot take this request';
}

const LOST = /ECONNREFUSED|ECONNRESET|ENOENT|57P0[123]|53300|08\d{3}/;

/** Postgres restarting, or not there: worth another try, and no fault of ours. */
function isLostDatastore(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  const { code } = thrown as Error & { code?: unknown };
  const named = typeof code === 'string' && LOST.test(code) && /Query|Error/.test(thrown.constructor.name);
  return named || /Connection terminated|the database system is/.test(thrown.message);
}
