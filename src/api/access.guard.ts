import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { roleAllows, TokensService, type Principal } from '../access/index.js';
import { MusterError } from '../error.js';
import { bearerOf } from './bearer.js';
import { PUBLIC_METADATA, type Route } from './contract/index.js';
import { ROUTE_METADATA, type MusterRequest } from './endpoint.js';

const LOOPBACK: Principal = { tokenId: '', name: 'loopback', role: 'viewer', pool: null };

/** Denies by default: a handler without an entry in the contract and without `@Public()` is closed to everybody. */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    @Inject(TokensService) private readonly tokens: TokensService,
    @Inject(Reflector) private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const targets = [context.getHandler(), context.getClass()];
    if (this.reflector.getAllAndOverride<boolean | undefined>(PUBLIC_METADATA, targets) === true) return true;
    const route = this.reflector.get<Route | undefined>(ROUTE_METADATA, context.getHandler());
    const request = context.switchToHttp().getRequest<MusterRequest>();
    const principal = await this.principalOf(request, route);
    request.principal = principal;
    if (route?.role == null) throw new MusterError('forbidden', 'cannot call this: it is not part of the API');
    refuseUnlessAllowed(principal, route, route.role);
    return true;
  }

  private async principalOf(request: MusterRequest, route: Route | undefined): Promise<Principal> {
    const header = request.headers.authorization;
    if (header === undefined && route?.openOnLoopback === true && isOwnComputer(request)) return LOOPBACK;
    return request.principal ?? bearerOf(request, this.tokens);
  }
}

function refuseUnlessAllowed(principal: Principal, route: Route, needed: NonNullable<Route['role']>): void {
  if (!roleAllows(principal.role, needed)) {
    throw new MusterError('forbidden', `cannot do ${route.id} as ${principal.role}: it needs ${needed}`);
  }
  if (principal.pool !== null && route.pooled !== true) {
    throw new MusterError('forbidden', `cannot do ${route.id} with a token of pool "${principal.pool}" alone`);
  }
}

/** A proxy on this computer speaks for others, so what it forwards does not count. */
function isOwnComputer(request: MusterRequest): boolean {
  const address = request.socket.remoteAddress ?? '';
  const proxied = request.headers['x-forwarded-for'] !== undefined || request.headers.forwarded !== undefined;
  return !proxied && (/^(::ffff:)?127\./.test(address) || address === '::1');
}

/** Throws `not-found`, as for a machine that is not there: a token of one pool learns nothing of the others. */
export function refuseOutsidePool(principal: Principal, pool: string, what: string): void {
  if (principal.pool !== null && principal.pool !== pool) throw new MusterError('not-found', `cannot find ${what}`);
}
