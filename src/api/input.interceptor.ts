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
      request.checked = checkInput(route, { query: request.query, body: request.body as unknown });
    }
    return next.handle();
  }
}

export function checkInput(route: Route, given: { query: unknown; body: unknown }): { query: unknown; body: unknown } {
  const problems: ErrorDetail[] = [];
  const query = parse(route.query, { ...(given.query as object) }, 'query', problems);
  const body = route.consumes === undefined ? parse(route.body, given.body ?? {}, 'body', problems) : given.body;
  if (problems.length > 0) {
    const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`;
    throw new MusterError('invalid', `cannot take this request: ${count}`, { details: problems });
  }
  return { query, body };
}

function parse(schema: z.ZodType | undefined, value: unknown, where: string, problems: ErrorDetail[]): unknown {
  if (schema === undefined) return undefined;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  for (const issue of result.error.issues) {
    problems.push({ at: [where, ...issue.path.map(String)].join('.'), message: issue.message });
  }
  return undefined;
}
