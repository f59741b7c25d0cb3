import { MusterError } from '../error.js';
import type { StepHandler } from './step-handler.js';

/** Which handler runs which kind of step; each kind once. */
export class HandlerRegistry {
  private readonly byKind = new Map<string, StepHandler>();
  private readonly expected = new Set<string>();

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

  /** Says that plans are going to hold steps of these kinds. */
  expect(...kinds: string[]): void {
    for (const kind of kinds) this.expected.add(kind);
  }

  /** Throws where a kind that some room expects has no handler. Run at start, when all have registered. */
  checkComplete(): void {
    const missing = [...this.expected].filter((kind) => !this.byKind.has(kind)).sort();
    if (missing.length > 0) {
      throw new MusterError('internal', `cannot start: no handler for steps of the kind ${missing.join(', ')}`);
    }
  }

  kinds(): string[] {
    return [...this.byKind.keys()].sort();
  }
}
