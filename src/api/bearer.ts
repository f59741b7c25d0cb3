import type { NextFunction, Request, Response } from 'express';
import type { Principal, TokensService } from '../access/index.js';
import { MusterError } from '../error.js';
import type { MusterRequest } from './endpoint.js';

/** Who asks. Throws `unauthenticated` where no token, or none that is good, comes with the request. */
export async function bearerOf(request: Request, tokens: TokensService): Promise<Principal> {
  const match = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '');
  if (match?.[1] === undefined) {
    throw new MusterError('unauthenticated', 'cannot tell who is asking: no bearer token', {
      hint: 'send "Authorization: Bearer muster_…"; the first start of the server printed one',
    });
  }
  return tokens.authenticate(match[1]);
}

/** Reads no body of strangers: no route that takes one is open. */
export function bearerBeforeBody(tokens: TokensService) {
  return (request: MusterRequest, _response: Response, next: NextFunction): void => {
    if (!hasBody(request)) {
      next();
      return;
    }
    bearerOf(request, tokens).then((principal) => {
      request.principal = principal;
      next();
    }, next);
  };
}

/** RFC 9112, section 6. */
function hasBody({ headers }: Request): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}
