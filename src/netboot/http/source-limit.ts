import type { Clock } from '../../platform/clock.js';

const MOST_SOURCES = 100_000;

/** A token bucket a source: `perSecond` on average, twice that at once. */
export class SourceLimit {
  private readonly buckets = new Map<string, { tokens: number; at: number }>();

  constructor(
    private readonly perSecond: number,
    private readonly clock: Clock,
  ) {}

  allows(source: string): boolean {
    const now = this.clock.now().getTime();
    const most = this.perSecond * 2;
    const bucket = this.buckets.get(source) ?? { tokens: most, at: now };
    const tokens = Math.min(most, bucket.tokens + ((now - bucket.at) / 1000) * this.perSecond);
    // The most recent stay, so that a flood of made-up sources pushes out its own.
    this.buckets.delete(source);
    this.buckets.set(source, { tokens: Math.max(0, tokens - 1), at: now });
    const [oldest] = this.buckets.size > MOST_SOURCES ? this.buckets.keys() : [];
    if (oldest !== undefined) this.buckets.delete(oldest);
    return tokens >= 1;
  }
}
