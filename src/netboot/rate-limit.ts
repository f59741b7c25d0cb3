/**
 * So many requests per second from one source, with as many saved up at most; sources that fell silent are forgotten. The
 * table is bounded: a flood of invented sources pushes out the oldest, it does not grow.
 */
export class RateLimit {
  private readonly sources = new Map<string, { tokens: number; at: number }>();

  constructor(
    private readonly perSecond: number,
    private readonly mostSources = 50_000,
    private readonly now: () => number = Date.now,
  ) {}

  /** Whether one more request of this source is to be answered. */
  allows(source: string): boolean {
    const now = this.now();
    const before = this.sources.get(source);
    const saved = before === undefined ? this.perSecond : before.tokens + ((now - before.at) / 1000) * this.perSecond;
    const tokens = Math.min(saved, this.perSecond);
    this.sources.delete(source);
    this.sources.set(source, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    if (this.sources.size > this.mostSources) this.forgetOldest();
    return tokens >= 1;
  }

  private forgetOldest(): void {
    const oldest = this.sources.keys().next();
    if (oldest.done !== true) this.sources.delete(oldest.value);
  }
}
