/** From the least to the most: a viewer reads, an operator changes, an admin also gives access. */
export const ACCESS_ROLES = ['viewer', 'operator', 'admin'] as const;
export type AccessRole = (typeof ACCESS_ROLES)[number];

/** Who is asking, as far as a token tells. */
export interface Principal {
  tokenId: string;
  /** The token's name; it is what the audit shows. */
  name: string;
  role: AccessRole;
  /** The one resource pool that this token may touch; null: all. */
  pool: string | null;
}

/** True where `role` may do what asks for `needed`. */
export function roleAllows(role: AccessRole, needed: AccessRole): boolean {
  return ACCESS_ROLES.indexOf(role) >= ACCESS_ROLES.indexOf(needed);
}
