import type { ChangeListener } from '../../platform/database/index.js';

/** Wakes those who wait for an order of their machine. */
export class OrderWaiter {
  private readonly waiting = new Map<string, Set<() => void>>();
  private readonly stopListening: () => void;
  private closed = false;

  constructor(listener: ChangeListener) {
    this.stopListening = listener.on('muster_order', (machineId) => this.wake(machineId));
  }

  /** Resolves at the next announced order of the machine, after `ms`, when the signal aborts, or when this is closed. */
  wait(machineId: string, ms: number, signal: AbortSignal): Promise<void> {
    if (this.closed || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wakers = this.waiting.get(machineId) ?? new Set();
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        wakers.delete(done);
        if (wakers.size === 0) this.waiting.delete(machineId);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener('abort', done, { once: true });
      this.waiting.set(machineId, wakers.add(done));
    });
  }

  get isClosed(): boolean {
    return this.closed;
  }

  close(): void {
    this.closed = true;
    this.stopListening();
    for (const machineId of [...this.waiting.keys()]) this.wake(machineId);
  }

  private wake(machineId: string): void {
    for (const waker of [...(this.waiting.get(machineId) ?? [])]) waker();
  }
}
