import { MusterError } from '../error.js';
import type { StepHandler } from './step-handler.js';

/** Which handler runs which kind of step; each kind once. */
export class HandlerRegistry {
  private readonly byKind = new Map<string, StepHandler>();

  constructor(handlers: readonly StepHandler[] = []) {
    for (const handler of handlers) this.register(handler);
  }

  register(handler: StepHandler): void {
    if (this.byKind.has(handler.kind)) {
      throw new MusterError('internal', `cannot start: two handlers for steps of the kind "${handler.kind}"`);
    }
    this.byKind.set(handler.kind, handler);
  }

  find(kind: string): StepHandler | null {
    return this.byKind.get(kind) ?? null;
  }

  /** Throws where a kind that some room compiles into plans has no handler. Run at start. */
  requireAll(kinds: Iterable<string>): void {
    const missing = [...new Set(kinds)].filter((kind) => !this.byKind.has(kind)).sort();
    if (missing.length > 0) {
      throw new MusterError('internal', `cannot start: no handler for steps of the kind ${missing.join(', ')}`);
    }
  }

  kinds(): string[] {
    return [...this.byKind.keys()].sort();
  }
}
