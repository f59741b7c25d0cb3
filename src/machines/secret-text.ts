import { createHash, randomBytes } from 'node:crypto';

/** A new bearer secret: 256 bits, base64url (43 characters). */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** What is kept of it. The secrets have 256 bits of chance, so a plain hash cannot be searched. */
export function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}
