import type { JsonObject, JsonValue } from './json.js';

/**
 * Stands in a step's input for a value that an earlier step will publish. The pipeline puts the value in its place
 * when the step starts; a step that refers to another must come after it.
 */
export interface OutputReference {
  $output: {
    step: string;
    name: string;
    /** The id of a step of an earlier run about the same subject that published it; absent: a step of this plan did. */
    stepId?: string;
  };
}

/** The JSON that says "the value `name` that step `step` published". */
export function outputOf(step: string, name: string): JsonObject & OutputReference {
  return { $output: { step, name } };
}

/** The JSON that says "what a step of an earlier run about the same subject published". */
export function storedOutputOf(stepId: string, step: string, name: string): JsonObject & OutputReference {
  return { $output: { step, name, stepId } };
}

/**
 * One vertex of a plan, before it is stored.
 */
export interface StepSpec {
  /** Unique in its plan and stable between compilations: `machine/0:install`, `etcd/0:configure`. */
  key: string;
  /** Which handler runs it: `machine.install`, `node.script`. */
  kind: string;
  /** For people: "write Debian 12 to the disk of machine 0". */
  title: string;
  /** Steps of one lane run one at a time: usually the node (`node/0`) or the machine. Null: no limit but the run's. */
  lane: string | null;
  /** The handler's input. May hold {@link OutputReference}s anywhere. Never a secret: secrets go by id. */
  input: JsonObject;
  /** Keys of the steps that must have succeeded (or been skipped) first. */
  after: string[];
  /** The whole attempt may take this long. */
  timeoutSeconds: number;
  /** No output and no progress mark for this long is a stall. */
  stallSeconds: number;
  /** How many further attempts a transient failure may have. */
  retries: number;
  /** Running it twice does no harm. */
  repeatable: boolean;
  /** Counts against the cap on destructive work, and is named in the plan shown before a run. */
  destructive: boolean;
  /** Where it fails for good it is left out, with the reason, and what comes after it goes on. Absent: it stops them. */
  mayFail?: boolean;
  /** Names of secret values that are handed over with the plan; the input refers to them as to outputs of the step's own. */
  given?: string[];
}

/** A plan: steps and, through `after`, the edges between them. Acyclic; keys are unique. */
export interface Plan {
  steps: StepSpec[];
}

const DEFAULTS = {
  lane: null,
  input: {},
  after: [],
  timeoutSeconds: 600,
  stallSeconds: 300,
  retries: 2,
  repeatable: true,
  destructive: false,
} satisfies Omit<StepSpec, 'key' | 'kind' | 'title'>;

/** A step with the usual bounds where none are given. */
export function step(spec: Pick<StepSpec, 'key' | 'kind' | 'title'> & Partial<StepSpec>): StepSpec {
  return { ...DEFAULTS, ...spec };
}

/** True where a JSON value is an {@link OutputReference}. */
export function isOutputReference(value: JsonValue): value is JsonObject & OutputReference {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && '$output' in value;
}
