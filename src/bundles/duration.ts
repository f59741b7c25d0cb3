const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** Of a time such as 90s, 10m, 2h or 30d; null where none is said. */
export function secondsOf(duration: string | null | undefined): number | null {
  if (duration === undefined || duration === null) return null;
  return Number(duration.slice(0, -1)) * (SECONDS[duration.slice(-1)] ?? 1);
}
