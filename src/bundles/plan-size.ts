import type { Bundle } from './bundle.js';
import type { Diagnostics } from './diagnostics.js';
import { endpointsBefore, type Occasion, type RoleStep } from './roles/role.js';
import type { UnitGraph } from './unit-graph.js';

/** Beyond these a plan costs more memory to make and to store than anyone has for it. */
const MAX_STEPS = 100_000;
const MAX_RELATED = 1_000_000;
const MAX_TEXT_BYTES = 256 * 1024 * 1024;

/**
 * Whether a plan is small enough to be made, reckoned from the numbers of units alone. What is too much is told at the
 * application that takes it over the bound.
 */
export function checkPlanSize(
  graph: UnitGraph,
  bundle: Bundle,
  occasions: readonly Occasion[],
  diagnostics: Diagnostics,
): boolean {
  const size = { steps: 0, related: 0, text: 0 };
  for (const { name, at } of bundle.applications.values()) {
    const units = graph.unitsOf(name);
    const [first] = units;
    if (!first) continue;
    const role = graph.roleOf(first);
    const fileBytes = role.files.reduce((bytes, { text }) => bytes + text.length, 0);
    for (const step of role.steps.values()) {
      if (!occasions.includes(step.on)) continue;
      const runs = step.leader ? 1 : units.length;
      size.steps += runs;
      size.text += runs * (fileBytes + textOf(step));
      for (const endpoint of endpointsBefore(role, step))
        for (const related of graph.related(first, endpoint)) size.related += runs * related.units.length;
    }
    const told = tooMuch(size);
    if (told === null) continue;
    diagnostics.error(at, `the plan would be too large: ${told}`, 'fewer units, or fewer that hear of one another');
    return false;
  }
  return true;
}

function textOf({ script, check }: RoleStep): number {
  return (script?.length ?? 0) + (check?.length ?? 0);
}

function tooMuch({ steps, related, text }: { steps: number; related: number; text: number }): string | null {
  if (steps > MAX_STEPS) return `more than ${MAX_STEPS} steps`;
  if (related > MAX_RELATED) return `more than ${MAX_RELATED} times a unit is told of another`;
  if (text > MAX_TEXT_BYTES) return `more than ${MAX_TEXT_BYTES / 1024 / 1024} MiB of scripts`;
  return null;
}
