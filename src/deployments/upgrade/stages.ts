import { sorted, unitOfKey, type PlannedUnit } from '../../bundles/index.js';
import { changingSteps, type RollingParts } from './rolling-parts.js';

/** Units whose turn it is at once. */
export interface Stage {
  application: string;
  domain: string;
  units: readonly PlannedUnit[];
}

/** One stage, or what of it has to wait for a later round. */
export interface Slot {
  stage: Stage;
  /** Keys of the steps that change something. */
  steps: string[];
}

/** By application, then by domain (the one of the lowest unit first), then so many units at once. */
export function stagesOf(parts: RollingParts): Stage[] {
  const changed = new Set(changingSteps(parts).map(({ key }) => unitOfKey(key)));
  return parts.order.flatMap((application) => {
    const units = parts.units.filter((unit) => unit.application === application && changed.has(unit.name));
    const byDomain = new Map<string, PlannedUnit[]>();
    for (const unit of units) {
      const domain = parts.domainOf(unit.node);
      byDomain.set(domain, [...(byDomain.get(domain) ?? []), unit]);
    }
    return [...byDomain].flatMap(([domain, inDomain]) =>
      chunks(inDomain, parts.batch).map((chunk) => ({ application, domain, units: chunk })),
    );
  });
}

function chunks<Item>(items: readonly Item[], size: number): Item[][] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, index) => items.slice(index * size, (index + 1) * size));
}

/** `round` counts how often a step has to wait for one whose stage comes later. */
interface Turn {
  round: number;
  stage: number;
}

const FIRST: Turn = { round: 0, stage: -1 };

/** The stages in order, those of the first round first. */
export function slotsOf(parts: RollingParts, stages: readonly Stage[]): Slot[] {
  const changing = new Set(changingSteps(parts).map(({ key }) => key));
  const stageOf = new Map(stages.flatMap(({ units }, index) => units.map(({ name }) => [name, index] as const)));
  const turns = new Map<string, Turn>();
  const slots = new Map<string, { turn: Turn; slot: Slot }>();
  for (const { key, after } of sorted(parts.plan.steps)) {
    const before = after.map((other) => turns.get(other) ?? FIRST);
    const own = changing.has(key) ? stageOf.get(unitOfKey(key)) : undefined;
    const turn = own === undefined ? latest(before) : turnOf(own, before);
    turns.set(key, turn);
    const stage = own === undefined ? undefined : stages[own];
    if (stage === undefined) continue;
    const name = `${turn.round} ${turn.stage}`;
    const known = slots.get(name) ?? { turn, slot: { stage, steps: [] } };
    known.slot.steps.push(key);
    slots.set(name, known);
  }
  return [...slots.values()]
    .sort(({ turn: a }, { turn: b }) => a.round - b.round || a.stage - b.stage)
    .map(({ slot }) => slot);
}

function turnOf(stage: number, before: readonly Turn[]): Turn {
  const rounds = before.map((turn) => turn.round + (turn.stage > stage ? 1 : 0));
  return { round: Math.max(0, ...rounds), stage };
}

function latest(turns: readonly Turn[]): Turn {
  return turns.reduce(
    (last, turn) => (turn.round > last.round || (turn.round === last.round && turn.stage > last.stage) ? turn : last),
    FIRST,
  );
}
