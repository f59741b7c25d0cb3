import { MusterError } from '../error.js';

export type MachineState =
  | 'declared' // its power address is known, it was never seen
  | 'new' // seen, and not yet measured
  | 'commissioning'
  | 'ready' // measured, erased, free to take
  | 'acquired' // taken for a deployment, nothing written yet
  | 'deploying'
  | 'deployed'
  | 'releasing'
  | 'erasing'
  | 'rescue' // booted into memory for repair, disks untouched
  | 'testing'
  | 'broken' // taken out of use by an operator or by a failure
  | 'retired';

/** Where a state may go. `previous`: back to the state it was entered from. */
type Targets = readonly (MachineState | 'previous')[];

/**
 * The table of transitions. `deploying` may go to `deploying`: a retry needs no detour. `broken` never goes straight to
 * `ready`: the next tenant must not get the last one's disk.
 */
export const TRANSITIONS: Readonly<Record<MachineState, Targets>> = {
  declared: ['new', 'retired'],
  new: ['commissioning', 'retired', 'broken', 'rescue'],
  commissioning: ['ready', 'testing', 'new', 'broken'],
  ready: ['acquired', 'commissioning', 'testing', 'broken', 'retired', 'rescue'],
  acquired: ['deploying', 'ready', 'broken'],
  deploying: ['deployed', 'acquired', 'broken', 'deploying'],
  deployed: ['releasing', 'rescue', 'testing', 'broken', 'deploying'],
  releasing: ['erasing', 'ready', 'broken'],
  erasing: ['ready', 'broken'],
  rescue: ['previous'],
  testing: ['previous'],
  broken: ['erasing', 'commissioning', 'rescue', 'retired'],
  retired: [],
};

export const MACHINE_STATES = Object.keys(TRANSITIONS) as MachineState[];
const FIRST: MachineState = 'declared';

/** Says whether the table allows it; `previous` is the state that a rescue or test was entered from. */
export function mayGo(from: MachineState, to: MachineState, previous: MachineState | null): boolean {
  return TRANSITIONS[from].some((target) => (target === 'previous' ? previous === to : target === to));
}

/** Throws where the table names an unknown state, or holds one that cannot be reached from `declared`. Run at start. */
export function checkTransitions(table: Readonly<Record<string, readonly string[]>> = TRANSITIONS): void {
  const known = new Set(Object.keys(table));
  const unknown = Object.values(table)
    .flat()
    .filter((target) => target !== 'previous' && !known.has(target));
  if (unknown.length > 0)
    throw new MusterError('internal', `cannot use the machine lifecycle: unknown states ${unknown.join(', ')}`);
  const reached = new Set<string>([FIRST]);
  for (const state of reached) for (const target of table[state] ?? []) if (known.has(target)) reached.add(target);
  const unreachable = [...known].filter((state) => !reached.has(state));
  if (unreachable.length > 0)
    throw new MusterError('internal', `cannot use the machine lifecycle: ${unreachable.join(', ')} cannot be reached`);
}
