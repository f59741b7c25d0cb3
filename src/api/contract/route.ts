import { z } from 'zod';

/** Marks a handler that anyone may call: `/health` and the static files of the page, and no more. */
export const PUBLIC_METADATA = 'muster:public';

export const accessRole = z.enum(['viewer', 'operator', 'admin']);
export type ContractRole = z.infer<typeof accessRole>;

/**
 * One entry of the API. The server takes method, path, needed role and body check from it, the client its call, and
 * `/docs` its page: they cannot disagree.
 */
export interface Route {
  /** `machines.show`: the operation id, and the action in the audit. */
  id: string;
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With `:name` for parameters. */
  path: string;
  summary: string;
  /** The least role that may; null: anyone, with no token. */
  role: ContractRole | null;
  /** A token of one resource pool may use it too, within its pool; all others are refused to it. */
  pooled?: boolean;
  /** From this computer (loopback, not through a proxy) no token is needed. */
  openOnLoopback?: boolean;
  query?: z.ZodObject;
  body?: z.ZodType;
  /** Absent: 204, no content. */
  response?: z.ZodType;
  /** Default: JSON. An event stream's `response` is the data of one event. */
  produces?: 'application/json' | 'text/event-stream' | 'text/plain' | 'application/octet-stream';
  /** The body is bytes, not JSON. */
  consumes?: 'application/octet-stream';
  /** Default 200, or 204 without a response. */
  status?: 200 | 201 | 202 | 204;
}

/** Keeps the literal types, from which the client's types come. */
export function route<const R extends Route>(spec: R): R {
  return spec;
}

type ParameterNames<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | ParameterNames<`/${Rest}`>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never;

/** `{machine: string}` for `/v1/machines/:machine`. */
export type ParametersOf<R extends Route> = Record<ParameterNames<R['path']>, string>;
export type QueryOf<R extends Route> = R['query'] extends z.ZodType ? z.output<R['query']> : undefined;
export type QueryInputOf<R extends Route> = R['query'] extends z.ZodType ? z.input<R['query']> : undefined;
export type BodyOf<R extends Route> = R['body'] extends z.ZodType ? z.output<R['body']> : undefined;
export type BodyInputOf<R extends Route> = R['body'] extends z.ZodType ? z.input<R['body']> : undefined;
export type ResponseOf<R extends Route> = R['response'] extends z.ZodType ? z.output<R['response']> : undefined;
