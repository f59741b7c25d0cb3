/** One part of bringing the lab up. */
export interface Stage {
  name: string;
  /** On two cores, without KVM; replaced by what this computer took the last time. */
  expectedSeconds: number;
  /** What its time depends on, such as the bundle: times are kept apart by it. */
  of?: string;
  /** It runs commands that tell their own time left: a second one between their lines would contradict them. */
  tellsTime?: boolean;
  run: (tell: (text: string) => void) => Promise<void>;
}

export interface StageTime {
  name: string;
  seconds: number;
  /** By which it is found the next time. */
  key: string;
}

export interface StageOptions {
  /** Seconds of earlier runs on this computer, by {@link StageTime.key}. */
  known: Readonly<Record<string, number>>;
  write: (line: string) => void;
  nowMs: () => number;
  /** Between two lines about a stage that takes its time. */
  everyMs: number;
}

/** Runs stages in order and says where it is and how long it will still take. Gives each stage's time. */
export async function runStages(stages: readonly Stage[], options: StageOptions): Promise<StageTime[]> {
  const times: StageTime[] = [];
  for (const [index, stage] of stages.entries()) {
    const began = options.nowMs();
    const label = `[${index + 1}/${stages.length}] ${stage.name}`;
    const left = () => timeLeft(stages.slice(index), (options.nowMs() - began) / 1000, options.known);
    options.write(`${label}: ${left()}`);
    const tell = () => options.write(`${label}: ${left()}`);
    const timer = stage.tellsTime === true ? undefined : setInterval(tell, options.everyMs);
    try {
      await stage.run((text) => options.write(`${label}: ${text}`));
    } finally {
      clearInterval(timer);
    }
    const seconds = (options.nowMs() - began) / 1000;
    times.push({ name: stage.name, seconds, key: keyOf(stage) });
    options.write(`${label}: done in ${formatSeconds(seconds)}`);
  }
  return times;
}

function keyOf({ name, of }: Stage): string {
  return of === undefined ? name : `${name} ${of}`;
}

/** The first of the stages has been running for `elapsed` seconds. */
export function timeLeft(stages: readonly Stage[], elapsed: number, known: Readonly<Record<string, number>>): string {
  const expected = (stage: Stage) => known[keyOf(stage)] ?? stage.expectedSeconds;
  const [first, ...later] = stages;
  const ahead = later.reduce((sum, stage) => sum + expected(stage), 0);
  const here = first === undefined ? 0 : expected(first) - elapsed;
  if (here < 0)
    return `takes longer than expected${later.length === 0 ? '' : `; after it about ${formatSeconds(ahead)}`}`;
  return `about ${formatSeconds(here + ahead)} left in all`;
}

export function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
