import type { RunView } from '../../pipeline/index.js';
import { stageEnd, type RollingStage } from './rolling-plan.js';

/** How far an upgrade (or the way back) has come that is not at its end. */
export interface UpgradeProgress {
  run: string;
  action: string;
  /** The version that the deployment had before. */
  from: number;
  /** Units whose turn is over and whose checks have passed; they may still be told what others publish. */
  done: string[];
  /** Units whose turn it is, or was when something failed. */
  underWay: string[];
  /** Units that are untouched. */
  left: string[];
}

/** Null where a run is no upgrade, or has come to its end. */
export function upgradeProgress(run: RunView): UpgradeProgress | null {
  const { upgrade } = run.context as { upgrade?: { from: number; stages: RollingStage[] } };
  if (upgrade === undefined || upgrade.stages.length === 0 || run.status === 'succeeded') return null;
  const steps = new Map(run.steps.map((step) => [step.key, step]));
  const isBegun = (unit: string, own: readonly string[]) =>
    own.some((name) => (steps.get(`${unit}:${name}`)?.attempt ?? 0) > 0);
  const turns = new Map<string, { isBegun: boolean; isOver: boolean }[]>();
  upgrade.stages.forEach(({ units }, index) => {
    const isOver = steps.get(stageEnd(index + 1))?.status === 'succeeded';
    for (const { unit, steps: own } of units)
      turns.set(unit, [...(turns.get(unit) ?? []), { isBegun: isBegun(unit, own), isOver }]);
  });
  const progress: UpgradeProgress = {
    ...{ run: run.id, action: run.action, from: upgrade.from, done: [], underWay: [], left: [] },
  };
  for (const [unit, own] of turns) {
    const isUnderWay = own.some((turn) => turn.isBegun && !turn.isOver);
    progress[isUnderWay ? 'underWay' : own[0]?.isOver === true ? 'done' : 'left'].push(unit);
  }
  return progress;
}
