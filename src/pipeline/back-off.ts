/**
 * How long to wait after the nth transient failure (from 1): doubles from `firstMs` up to `mostMs`, of which a random
 * half is taken off, so that many steps that failed together do not come back together.
 */
export function backOffMs(failures: number, bounds: { firstMs: number; mostMs: number }, fraction: number): number {
  const full = Math.min(bounds.firstMs * 2 ** Math.min(failures - 1, 30), bounds.mostMs);
  return Math.round(full * (1 - fraction / 2));
}
