import type { DeploymentDiff, Diagnostic, PlannedStep } from '../api/contract/index.js';
import { duration, paint, plain } from './format.js';
import { planTree } from './plan-tree.js';

interface ShownPlan {
  deployment: string;
  cloud: string;
  changes: string[];
  destroys: string[];
  steps: PlannedStep[];
  estimate?: { seconds: number; guessed: string[] };
  diagnostics?: Diagnostic[];
  diff?: Pick<DeploymentDiff, 'skipped' | 'outdated'>;
}

/** A plan as people read it before they say yes. */
export function planText(plan: ShownPlan, options: { colours: boolean; steps: boolean }): string {
  const { colours } = options;
  const lines = [`${plan.deployment} on ${plan.cloud}: ${plan.steps.length} steps${estimateText(plan)}`];
  for (const diagnostic of plan.diagnostics ?? []) lines.push(diagnosticText(diagnostic));
  if (options.steps) lines.push(...planTree(plan.steps, plan.changes, colours));
  else lines.push(...plan.changes.map((change) => `  ${signOf(change, colours)} ${plain(change)}`));
  lines.push(...leftOutLines(plan), ...outdatedLines(plan));
  lines.push(...plan.destroys.map((loss) => `  ${paint('red', '!', colours)} ${plain(loss)}`));
  return lines.join('\n');
}

/** What a person has left out, and this plan does not run either. */
export function leftOutLines({ diff }: Pick<ShownPlan, 'diff'>): string[] {
  const left = (diff?.skipped ?? []).filter(({ runs }) => !runs);
  return left.map(({ step, why }) => `  = ${step} stays left out, as it was skipped: ${plain(why)}`);
}

/** Nodes that are not made anew although they would be something else by now. */
function outdatedLines({ diff }: Pick<ShownPlan, 'diff'>): string[] {
  const outdated = diff?.outdated ?? [];
  const lines = outdated.map(({ node, what, made, wanted }) => {
    const [had, has] = [made, wanted].map((text) => plain(text) || 'none');
    return `  = node ${node} stays as it was made: ${what} ${had}, wanted ${has}`;
  });
  const options = [...new Set(outdated.map(({ node }) => `--replace ${plain(node)}`))].join(' ');
  return lines.length === 0
    ? []
    : [...lines, `    made anew, with the loss of what is on it, by: muster up BUNDLE ${options}`];
}

/** Where there is nothing to do. */
export function nothingText(plan: Pick<ShownPlan, 'deployment' | 'diff'>): string {
  return [`${plan.deployment}: nothing to do`, ...leftOutLines(plan), ...outdatedLines(plan)].join('\n');
}

function estimateText({ estimate }: ShownPlan): string {
  if (estimate === undefined) return '';
  const guessed = estimate.guessed.length === 0 ? '' : `; never run here: ${estimate.guessed.join(', ')}`;
  return `, about ${duration(estimate.seconds)}${guessed}`;
}

/** By the word that a change begins with: what goes, what changes, what comes. */
function signOf(change: string, colours: boolean): string {
  if (/^(?:remove|give back|let) /.test(change)) return paint('red', '-', colours);
  return /^(?:change|move|set|verify) |^verify:/.test(change)
    ? paint('yellow', '~', colours)
    : paint('green', '+', colours);
}

export function diagnosticText(diagnostic: Diagnostic): string {
  if (diagnostic.excerpt !== null) return diagnostic.excerpt;
  const place = [diagnostic.file, diagnostic.line, diagnostic.column].filter((part) => part !== null).join(':');
  return `${place === '' ? '' : `${place}  `}${diagnostic.severity}: ${plain(diagnostic.message)}`;
}
