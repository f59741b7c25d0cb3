import type { Clock } from '../platform/clock.js';
import type { Logger } from '../platform/log/index.js';
import type { Database } from './database.js';

/** A bell for one delivery. It carries ids only; Postgres has the rest. */
export interface Ring {
  stepId: string;
  /** Counts the deliveries of a step, so that each bell has an id of its own. */
  delivery: number;
  delayMs: number;
}

/** Tells workers to look at steps. It may lose, repeat and reorder: the sweeper rings again. */
export interface Bell {
  /** Throws when the queue cannot be reached now. */
  ring(rings: readonly Ring[]): Promise<void>;
}

/** Opens and closes secrets; `rowId` binds the sealed text to its row. */
export interface SecretBox {
  seal(plaintext: string, rowId: string): string;
  open(sealed: string, rowId: string): string;
}

/** A fraction in [0, 1) and identifiers, so that a test can seed them. */
export interface Randomness {
  fraction(): number;
  uuid(): string;
}

/** How the engine behaves in time and size. */
export interface EngineSettings {
  /** Deliveries at once in one worker. */
  concurrency: number;
  /** Steps in flight at once in one run. */
  stepsPerRun: number;
  /** Destructive steps in flight at once, over all runs. */
  destructiveAtOnce: number;
  leaseSeconds: number;
  sweepMs: number;
  /** A bell that nobody answered is rung again after this; the wait doubles up to a minute. */
  ringAgainMs: number;
  /** The first wait after a transient failure; it doubles up to `backOffMaxMs`. */
  backOffMs: number;
  backOffMaxMs: number;
  logBytesPerStep: number;
  retentionDays: number;
}

export const DEFAULT_ENGINE_SETTINGS: EngineSettings = {
  concurrency: 50,
  stepsPerRun: 50,
  destructiveAtOnce: 20,
  leaseSeconds: 10,
  sweepMs: 1000,
  ringAgainMs: 3000,
  backOffMs: 2000,
  backOffMaxMs: 60_000,
  logBytesPerStep: 16 * 1024 * 1024,
  retentionDays: 90,
};

/** Everything the engine takes from outside. */
export interface Outside {
  database: Database;
  bell: Bell;
  clock: Clock;
  random: Randomness;
  secrets: SecretBox;
  logger: Logger;
  settings: EngineSettings;
}
