import { MusterError } from '../../error.js';

/** Too many want in: to be told to come again, at a moment that is not everybody's. */
export class TooBusy extends MusterError {
  constructor() {
    super('unavailable', 'cannot take this now: too many machines come at once');
  }

  get retryAfterSeconds(): number {
    return 2 + Math.floor(Math.random() * 7);
  }
}

interface TurnstileLimits {
  /** So many are inside at a time. */
  atOnce: number;
  /** So many may stand in line. */
  inLine: number;
  /** Nobody stands in line for longer. */
  waitMs: number;
}

interface Waiting {
  enter: () => void;
  refuse: () => void;
}

/** Lets so many in at a time; the others stand in line, first come, first served. */
export class Turnstile {
  private inside = 0;
  private readonly line = new Set<Waiting>();

  constructor(private readonly limits: TurnstileLimits) {}

  /** Throws `TooBusy` before the work began: where the line is full, or it took too long, or the client is `gone`. */
  async pass<Result>(work: () => Promise<Result>, gone: () => boolean = () => false): Promise<Result> {
    await this.enter();
    try {
      // Who has hung up is not served: what he would be given (a session) he could not take.
      if (gone()) throw new TooBusy();
      return await work();
    } finally {
      this.leave();
    }
  }

  private enter(): Promise<void> {
    const { atOnce, inLine, waitMs } = this.limits;
    if (this.inside < atOnce) {
      this.inside += 1;
      return Promise.resolve();
    }
    if (this.line.size >= inLine) return Promise.reject(new TooBusy());
    return new Promise((resolve, reject) => {
      const step = (then: () => void) => () => {
        clearTimeout(timer);
        this.line.delete(waiting);
        then();
      };
      const waiting = { enter: step(resolve), refuse: step(() => reject(new TooBusy())) };
      const timer = setTimeout(waiting.refuse, waitMs);
      this.line.add(waiting);
    });
  }

  /** The place goes to the first in line, if there is one. */
  private leave(): void {
    const [first] = this.line;
    if (first === undefined) this.inside -= 1;
    else first.enter();
  }
}
