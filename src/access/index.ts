export { AccessModule } from './access.module.js';
export { AccessToken } from './access-token.entity.js';
export { AuditEntry } from './audit-entry.entity.js';
export { AuditService, type AuditRecord } from './audit.service.js';
export { ensureFirstToken } from './first-token.js';
export { roleAllows, type AccessRole, type Principal } from './principal.js';
export { TokensService } from './tokens.service.js';
