import { type CallHandler, type ExecutionContext, Inject, Injectable, type NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Observable } from 'rxjs';
import type { z } from 'zod';
import { MusterError, type ErrorDetail } from '../error.js';
import type { Route } from './contract/index.js';
import { ROUTE_METADATA, type MusterRequest } from './endpoint.js';

/** Checks query and body against the contract, and tells all problems at once. */
@Injectable()
export class InputInterceptor implements NestInterceptor {
  constructor(@Inject(Reflector) private readonly reflector: Reflector) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const route = this.reflector.get<Route | undefined>(ROUTE_METADATA, context.getHandler());
    if (route !== undefined) {
      const request = context.switchToHttp().getRequest<MusterRequest>();
      const { params: path, query } = request;
      request.checked = checkInput(route, { path, query, body: request.body as unknown });
    }
    return next.handle();
  }
}

/** More are no help to anyone, and a body of a thousand wrong keys has one answer, not a long one. */
const MOST_PROBLEMS = 100;
const LONGEST_MESSAGE = 300;

function checkInput(
  route: Route,
  given: { path: unknown; query: unknown; body: unknown },
): { query: unknown; body: unknown } {
  const problems: ErrorDetail[] = [];
  const query = parse(route.query, { ...(given.query as object) }, 'query', problems);
  const body = route.consumes === undefined ? parse(route.body, given.body ?? {}, 'body', problems) : given.body;
  findUnstorable(given.path, 'path', problems);
  findUnstorable(query, 'query', problems);
  if (route.consumes === undefined) findUnstorable(body, 'body', problems);
  if (problems.length > 0) {
    const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`;
    throw new MusterError('invalid', `cannot take this request: ${count}`, {
      details: problems.slice(0, MOST_PROBLEMS),
    });
  }
  return { query, body };
}

function parse(schema: z.ZodType | undefined, value: unknown, where: string, problems: ErrorDetail[]): unknown {
  if (schema === undefined) return undefined;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    const message = issue.message.slice(0, LONGEST_MESSAGE);
    problems.push({ at: [where, ...issue.path.map(String)].join('.'), message });
  }
  return undefined;
}

/** Postgres takes neither NUL nor half a surrogate pair. */
const isStorable = (text: string) => !text.includes('\0') && !/\p{Surrogate}/u.test(text);

/** The value has passed its schema, so it is not deep. */
function findUnstorable(value: unknown, where: string, problems: ErrorDetail[]): void {
  if (typeof value === 'string' && !isStorable(value)) {
    problems.push({ at: where, message: 'a text holds neither NUL nor half a surrogate pair' });
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) {
      findUnstorable(key, where, problems);
      findUnstorable(item, `${where}.${key}`, problems);
    }
  }
}
