import { Controller, Inject, Param } from '@nestjs/common';
import { AuditService, TokensService, type AccessToken, type AuditEntry, type Principal } from '../../access/index.js';
import {
  auditRoutes,
  tokensRoutes,
  type AuditEntryView,
  type BodyOf,
  type QueryOf,
  type ResponseOf,
  type Token,
} from '../contract/index.js';
import { AuditNote, Endpoint, GivenBody, GivenQuery, Who } from '../endpoint.js';
import { numericCursor } from '../pagination.js';

@Controller()
export class TokensController {
  constructor(@Inject(TokensService) private readonly tokens: TokensService) {}

  @Endpoint(tokensRoutes.list)
  async list(): Promise<ResponseOf<typeof tokensRoutes.list>> {
    return { items: (await this.tokens.list()).map(tokenView) };
  }

  @Endpoint(tokensRoutes.self)
  self(@Who() who: Principal): ResponseOf<typeof tokensRoutes.self> {
    return { name: who.name, role: who.role, pool: who.pool };
  }

  @Endpoint(tokensRoutes.create)
  async create(
    @GivenBody() body: BodyOf<typeof tokensRoutes.create>,
    @Who() who: Principal,
    @AuditNote() note: AuditNote,
  ): Promise<ResponseOf<typeof tokensRoutes.create>> {
    return note.change(async (manager) => {
      const { text, token } = await this.tokens.create({ ...body, createdBy: who.name }, manager);
      note.subject = `tokens/${token.name}`;
      note.after = tokenView(token);
      return { token: tokenView(token), text };
    });
  }

  @Endpoint(tokensRoutes.revoke)
  async revoke(@Param('token') reference: string, @AuditNote() note: AuditNote): Promise<Token> {
    note.before = tokenView(await this.tokens.get(reference));
    return note.change(async (manager) => {
      const revoked = tokenView(await this.tokens.revoke(manager, reference));
      note.after = revoked;
      return revoked;
    });
  }
}

@Controller()
export class AuditController {
  constructor(@Inject(AuditService) private readonly audit: AuditService) {}

  @Endpoint(auditRoutes.list)
  async list(@GivenQuery() query: QueryOf<typeof auditRoutes.list>): Promise<ResponseOf<typeof auditRoutes.list>> {
    const before = numericCursor(query.cursor);
    const entries = await this.audit.list({ limit: query.limit, before });
    const last = entries.length < query.limit ? undefined : entries.at(-1);
    return { items: entries.map(auditView), next: last === undefined ? null : String(last.sequence) };
  }

  @Endpoint(auditRoutes.verify)
  verify(): Promise<ResponseOf<typeof auditRoutes.verify>> {
    return this.audit.verify();
  }
}

function tokenView(token: AccessToken): Token {
  const { id, name, role, pool, createdBy } = token;
  return {
    id,
    name,
    role,
    pool,
    createdBy,
    createdAt: token.createdAt.toISOString(),
    expiresAt: token.expiresAt?.toISOString() ?? null,
    revokedAt: token.revokedAt?.toISOString() ?? null,
    lastUsedAt: token.lastUsedAt?.toISOString() ?? null,
  };
}

function auditView(entry: AuditEntry): AuditEntryView {
  const { sequence, actor, tokenId, action, subject, outcome, before, after, source, hash } = entry;
  return {
    sequence,
    at: entry.at.toISOString(),
    actor,
    tokenId,
    action,
    subject,
    outcome,
    before,
    after,
    source,
    hash,
  };
}
