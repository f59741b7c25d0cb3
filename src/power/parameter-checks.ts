import { isIP } from 'node:net';

/** Checks of parameters that several drivers share; each gives what is wrong, or null. */

export function checkHost(value: string): string | null {
  const label = '[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?';
  const isName = value.length <= 253 && new RegExp(`^${label}(\\.${label})*$`).test(value);
  return isIP(value) !== 0 || isName ? null : `is neither an address nor a host name: ${value}`;
}

export function checkPort(value: string): string | null {
  return /^\d{1,5}$/.test(value) && Number(value) >= 1 && Number(value) <= 65535 ? null : `is no port: ${value}`;
}

export function checkOneOf(...values: string[]): (value: string) => string | null {
  return (value) => (values.includes(value) ? null : `is "${value}", and may be ${values.join(', ')}`);
}
