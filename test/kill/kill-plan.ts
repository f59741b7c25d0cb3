/** The stages of the main job, in their order, and the steps that make them. */
export const STAGES = ['enlist', 'commission', 'install', 'boot', 'roles', 'verify'] as const;
export type Stage = (typeof STAGES)[number];

/** Seconds after a stage's step began to run, between which the server dies. Shorter than any of them takes. */
const WINDOWS: Readonly<Record<Stage, readonly [number, number]>> = {
  enlist: [1, 15],
  commission: [1, 6],
  install: [3, 40],
  boot: [2, 30],
  roles: [0, 0.5],
  verify: [0, 0.5],
};
const DATASTORE_STAGES = ['enlist', 'install', 'boot'] as const satisfies readonly Stage[];

export interface KillPlan {
  seed: number;
  /** Seconds after the stage's step was seen running. */
  seconds: Readonly<Record<Stage, number>>;
  /** After the server is back in this stage, Redis is flushed. */
  flushRedisIn: Stage;
  /** Likewise Postgres is killed. */
  killPostgresIn: Stage;
}

/** Equal seed, equal plan. */
export function killPlan(seed: number): KillPlan {
  const random = randomOf(seed);
  const seconds = Object.fromEntries(
    STAGES.map((stage) => {
      const [least, most] = WINDOWS[stage];
      return [stage, Math.round((least + random() * (most - least)) * 100) / 100];
    }),
  ) as Record<Stage, number>;
  const first = Math.floor(random() * DATASTORE_STAGES.length);
  const second = first + 1 + Math.floor(random() * (DATASTORE_STAGES.length - 1));
  return {
    seed,
    seconds,
    flushRedisIn: DATASTORE_STAGES[first]!,
    killPostgresIn: DATASTORE_STAGES[second % DATASTORE_STAGES.length]!,
  };
}

/** Which stage a step belongs to; null: to none, or to what is over in an instant. */
export function stageOf(step: { kind: string; key: string }): Stage | null {
  switch (step.kind) {
    case 'machine.enlist':
      return 'enlist';
    case 'machine.order':
      return 'commission';
    case 'machine.install':
      return 'install';
    case 'machine.await-ssh':
      return 'boot';
    case 'node.script':
      return /:(health|probe|across|reach)$/.test(step.key) ? 'verify' : 'roles';
    default:
      return null;
  }
}

/** mulberry32: small, and the same on every computer. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
