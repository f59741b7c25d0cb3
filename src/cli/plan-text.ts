import type { Diagnostic, PlannedStep } from '../api/contract/index.js';
import { paint, plain } from './format.js';

interface ShownPlan {
  deployment: string;
  cloud: string;
  changes: string[];
  destroys: string[];
  steps: PlannedStep[];
  diagnostics?: Diagnostic[];
}

/** A plan as people read it before they say yes. */
export function planText(plan: ShownPlan, options: { colours: boolean; steps: boolean }): string {
  const { colours } = options;
  const lines = [`${plan.deployment} on ${plan.cloud}: ${plan.steps.length} steps`];
  for (const diagnostic of plan.diagnostics ?? []) lines.push(diagnosticText(diagnostic));
  lines.push(...plan.changes.map((change) => `  ${paint('green', '+', colours)} ${plain(change)}`));
  lines.push(...plan.destroys.map((loss) => `  ${paint('red', '!', colours)} ${plain(loss)}`));
  if (options.steps) {
    for (const step of plan.steps) {
      const after = step.after.length === 0 ? '' : paint('grey', `  after ${step.after.join(', ')}`, colours);
      lines.push(`  ${step.destructive ? '!' : '·'} ${plain(step.key)}: ${plain(step.title)}${after}`);
    }
  }
  return lines.join('\n');
}

export function diagnosticText(diagnostic: Diagnostic): string {
  if (diagnostic.excerpt !== null) return diagnostic.excerpt;
  const place = [diagnostic.file, diagnostic.line, diagnostic.column].filter((part) => part !== null).join(':');
  return `${place === '' ? '' : `${place}  `}${diagnostic.severity}: ${plain(diagnostic.message)}`;
}
