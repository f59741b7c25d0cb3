import type { JsonValue } from '../plan/index.js';

/** Stands in an order for the address at which its machine reaches us, which only its boot server knows. */
export const BOOT_URL = '@MUSTER_BOOT_URL@';

/** The same value with every {@link BOOT_URL} in its texts replaced. */
export function withBootUrl(value: JsonValue, url: string): JsonValue {
  if (typeof value === 'string') return value.replaceAll(BOOT_URL, url);
  if (Array.isArray(value)) return value.map((item) => withBootUrl(item, url));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withBootUrl(item, url)]));
}
