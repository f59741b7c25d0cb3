import type { NestExpressApplication } from '@nestjs/platform-express';
import { SwaggerModule } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { TokensService } from '../access/index.js';
import { bearerBeforeBody } from './bearer.js';
import { UPLOAD_PIECE_BYTES } from './contract/index.js';
import { openApiDocument } from './openapi.js';
import { VERSION } from './version.js';

/** A bundle is at most 1 MiB; it comes with the files that it includes. */
const JSON_LIMIT_BYTES = 4 * 1024 * 1024;

/** What must be set on the application before it is initialised: body limits and headers. */
export function configureApi(app: NestExpressApplication): void {
  app.disable('x-powered-by');
  app.set('etag', false);
  app.set('query parser', 'simple');
  app.use(securityHeaders);
  app.use(bearerBeforeBody(app.get(TokensService)));
  // A packed one would hold a thousand times what was sent for it.
  app.useBodyParser('json', { limit: JSON_LIMIT_BYTES, strict: true, inflate: false });
  app.useBodyParser('raw', { limit: UPLOAD_PIECE_BYTES, type: 'application/octet-stream', inflate: false });
  SwaggerModule.setup('docs', app, () => openApiDocument(VERSION), {
    jsonDocumentUrl: 'docs/openapi.json',
    yamlDocumentUrl: 'docs/openapi.yaml',
    customSiteTitle: 'muster API',
  });
}

const STRICT_CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');
/** Swagger's page brings its own style element. */
const DOCS_CSP = STRICT_CSP.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'");

function securityHeaders(request: Request, response: Response, next: () => void): void {
  response.setHeader('Content-Security-Policy', request.path.startsWith('/docs') ? DOCS_CSP : STRICT_CSP);
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('X-Frame-Options', 'DENY');
  response.setHeader('Referrer-Policy', 'no-referrer');
  response.setHeader('Cross-Origin-Opener-Policy', 'same-origin');
  response.setHeader('Cross-Origin-Resource-Policy', 'same-origin');
  response.setHeader('Strict-Transport-Security', 'max-age=31536000');
  if (request.path.startsWith('/v1')) response.setHeader('Cache-Control', 'no-store');
  next();
}
