import {
  applyDecorators,
  createParamDecorator,
  Delete,
  type ExecutionContext,
  Get,
  HttpCode,
  Patch,
  Post,
  Put,
  SetMetadata,
} from '@nestjs/common';
import type { Request } from 'express';
import type { EntityManager } from 'typeorm';
import type { Principal } from '../access/index.js';
import { PUBLIC_METADATA, type Route } from './contract/index.js';

export const ROUTE_METADATA = 'muster:route';

/** What the guard and the input check leave on a request for those who come after. */
export interface MusterRequest extends Request {
  principal?: Principal;
  checked?: { query: unknown; body: unknown };
  audit?: AuditNote;
}

/** What the audit is to say beyond the request itself: a handler adds the state before and after. */
export interface AuditNote {
  subject?: string;
  before?: unknown;
  after?: unknown;
  /**
   * Makes the change and its entry in one transaction. Without it the entry follows what was done: for what changes
   * nothing in Postgres.
   */
  change<Result>(work: (manager: EntityManager) => Promise<Result>): Promise<Result>;
  /** Says that it is asked for, before it is done outside of Postgres: a server that is killed meanwhile has said it. */
  announce(): Promise<void>;
}

const METHODS = { GET: Get, POST: Post, PUT: Put, PATCH: Patch, DELETE: Delete };

/** A controller's method answers this entry of the contract: path, needed role, checked input and status come from it. */
export function Endpoint(route: Route): MethodDecorator {
  const status = route.status ?? (route.response === undefined ? 204 : 200);
  return applyDecorators(
    METHODS[route.method](route.path),
    HttpCode(status),
    SetMetadata(ROUTE_METADATA, route),
    ...(route.role === null ? [Public()] : []),
  );
}

/** Anyone may: `/health` and the static files of the page. A test lists them. */
export function Public(): ClassDecorator & MethodDecorator {
  return SetMetadata(PUBLIC_METADATA, true);
}

const requestOf = (context: ExecutionContext) => context.switchToHttp().getRequest<MusterRequest>();

/** The checked body of the route. */
export const GivenBody = createParamDecorator(
  (_: unknown, context: ExecutionContext) => requestOf(context).checked?.body,
);

/** The checked query of the route. */
export const GivenQuery = createParamDecorator(
  (_: unknown, context: ExecutionContext) => requestOf(context).checked?.query,
);

/** Who is asking. */
export const Who = createParamDecorator((_: unknown, context: ExecutionContext) => requestOf(context).principal);

/** The request's audit note. */
export const AuditNote = createParamDecorator((_: unknown, context: ExecutionContext) => requestOf(context).audit);
