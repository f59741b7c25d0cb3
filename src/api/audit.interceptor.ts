import { type CallHandler, type ExecutionContext, Inject, Injectable, type NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { from, mergeMap, type Observable, of, throwError, catchError } from 'rxjs';
import { AuditService, type AuditRecord } from '../access/index.js';
import { messageOf, MusterError } from '../error.js';
import { LOGGER, type Logger } from '../platform/log/index.js';
import type { Route } from './contract/index.js';
import { auditForm } from './audit-form.js';
import { type AuditNote, ROUTE_METADATA, type MusterRequest } from './endpoint.js';

/** Routes that change nothing although they are not a GET. */
const ONLY_ASKING = new Set([
  'deployments.plan',
  'deployments.plan-change',
  'deployments.plan-upgrade',
  'bundles.check',
  'roles.inspect',
  'nodes.plan-move',
  'images.upload-piece',
]);

/** Writes every change, and every refused one, into the audit before its answer leaves. */
@Injectable()
export class AuditInterceptor implements NestInterceptor {
  constructor(
    @Inject(AuditService) private readonly audit: AuditService,
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const route = this.reflector.get<Route | undefined>(ROUTE_METADATA, context.getHandler());
    if (route === undefined || route.method === 'GET' || ONLY_ASKING.has(route.id)) return next.handle();
    const request = context.switchToHttp().getRequest<MusterRequest>();
    let isRecorded = false;
    const note: AuditNote = {
      change: async (work) => {
        const result = await this.audit.withChange(work, () => doneRecord(route, request));
        isRecorded = true;
        return result;
      },
      announce: () => this.audit.announce(recordOf(route, request, 'asked', auditForm(request.checked?.body))),
    };
    request.audit = note;
    return next.handle().pipe(
      mergeMap((answer: unknown) =>
        isRecorded ? of(answer) : from(this.recordDone(route, request).then(() => answer)),
      ),
      catchError((error: unknown) =>
        from(this.recordRefused(route, request, error)).pipe(mergeMap(() => throwError(() => error))),
      ),
    );
  }

  private async recordDone(route: Route, request: MusterRequest): Promise<void> {
    try {
      await this.audit.append(doneRecord(route, request));
    } catch (error) {
      this.log.error({ error, action: route.id }, 'a change was made but could not be recorded');
      throw new NotRecordedError(error);
    }
  }

  private async recordRefused(route: Route, request: MusterRequest, error: unknown): Promise<void> {
    if (error instanceof NotRecordedError) return;
    const after = { asked: auditForm(request.checked?.body) ?? null, refused: messageOf(error) };
    await this.audit
      .append(recordOf(route, request, 'refused', after))
      .catch((fault: unknown) => this.log.error({ error: fault, action: route.id }, 'cannot record a refused change'));
  }
}

const doneRecord = (route: Route, request: MusterRequest) =>
  recordOf(route, request, 'done', request.audit?.after ?? auditForm(request.checked?.body));

class NotRecordedError extends MusterError {
  constructor(cause: unknown) {
    super('unavailable', 'cannot record this change in the audit, but it was made', {
      hint: 'look at the present state before you send it again',
      cause,
    });
  }
}

function recordOf(route: Route, request: MusterRequest, outcome: AuditRecord['outcome'], after: unknown): AuditRecord {
  const parameters = Object.values(request.params).map(String).join('/');
  const kind = route.id.split('.')[0] ?? route.id;
  return {
    principal: request.principal ?? null,
    action: route.id,
    subject: request.audit?.subject ?? (parameters === '' ? kind : `${kind}/${parameters}`),
    outcome,
    before: request.audit?.before,
    after,
    source: request.socket.remoteAddress ?? 'unknown',
  };
}
