import type { PlannedStep } from '../api/contract/index.js';
import { paint, plain } from './format.js';

interface Branch {
  text: string;
  branches: Branch[];
}

type Mark = '+' | '~' | '-' | '=' | '!';

const COLOURS = { '+': 'green', '~': 'yellow', '-': 'red', '=': 'grey', '!': 'red' } as const;

/**
 * The steps as a tree: nodes with their containers, units, steps. `+` is made, `~` changed, `-` taken away, `=` stays as
 * it is, `!` destroys data.
 */
export function planTree(steps: readonly PlannedStep[], changes: readonly string[], colours: boolean): string[] {
  const marks = marksOfNodes(steps);
  const marked = (mark: Mark, text: string) => `${paint(COLOURS[mark], mark, colours)} ${plain(text)}`;
  const nodes = new Map<string, Branch>();
  const units = new Map<string, Branch>();
  const roots: Branch[] = [];
  const nodeOf = (key: string): Branch => {
    const known = nodes.get(key);
    if (known) return known;
    const change = changes.find((line) => line.includes(`node ${key}:`) || line.includes(`node ${key} (`));
    const text = `node ${key}${change === undefined ? '' : `: ${change}`}`;
    const branch = { text: marked(marks.get(key) ?? '=', text), branches: [] };
    nodes.set(key, branch);
    const host = hostOf(key);
    (host === null ? roots : nodeOf(host).branches).push(branch);
    return branch;
  };
  for (const step of steps) {
    const { node, unit } = subjectOf(step);
    const leaf = { text: marked(step.destructive ? '!' : markOfStep(step), textOf(step)), branches: [] };
    if (node === null) {
      roots.push(leaf);
      continue;
    }
    if (unit === null) {
      nodeOf(node).branches.push(leaf);
      continue;
    }
    let branch = units.get(unit);
    if (!branch) {
      branch = { text: marked(marks.get(node) === '+' ? '+' : '~', unit), branches: [] };
      units.set(unit, branch);
      nodeOf(node).branches.push(branch);
    }
    branch.branches.push(leaf);
  }
  return roots.flatMap((root, index) => drawn(root, '', index === roots.length - 1));
}

function drawn({ text, branches }: Branch, indent: string, last: boolean): string[] {
  const inner = `${indent}${last ? '   ' : '│  '}`;
  return [
    `${indent}${last ? '└─' : '├─'} ${text}`,
    ...branches.flatMap((branch, index) => drawn(branch, inner, index === branches.length - 1)),
  ];
}

/** Steps of nodes are `node/<key>:<what>`, steps of units `<unit>:<what>` in the lane of their node. */
function subjectOf({ key, lane }: PlannedStep): { node: string | null; unit: string | null } {
  const [, node] = /^node\/(.+):[^:]+$/.exec(key) ?? [];
  if (node !== undefined) return { node, unit: null };
  const [, unit] = /^([^/:]+\/\d+):/.exec(key) ?? [];
  const [, of] = /^node\/(.+)$/.exec(lane ?? '') ?? [];
  return { node: of ?? null, unit: of === undefined ? null : (unit ?? null) };
}

/** `0/lxd/etcd-0` is a container on node `0`. */
function hostOf(key: string): string | null {
  const [, host] = /^(.+)\/(?:lxd|kvm)\/[^/]+$/.exec(key) ?? [];
  return host ?? null;
}

function marksOfNodes(steps: readonly PlannedStep[]): Map<string, Mark> {
  const marks = new Map<string, Mark>();
  for (const step of steps) {
    const { node, unit } = subjectOf(step);
    if (node === null || unit !== null) continue;
    if (step.kind === 'deployment.forget-node') marks.set(node, '-');
    else if (step.kind === 'deployment.known-node') marks.set(node, '=');
    else if (!marks.has(node)) marks.set(node, '+');
  }
  return marks;
}

function markOfStep({ kind }: PlannedStep): Mark {
  if (kind === 'deployment.forget-node' || kind === 'deployment.remove') return '-';
  return kind === 'deployment.known-node' ? '=' : '+';
}

/** In the branch of a unit its name need not stand again. */
function textOf({ key, title }: PlannedStep): string {
  const [, unit] = /^([^/:]+\/\d+):/.exec(key) ?? [];
  return unit !== undefined && title.startsWith(`${unit}: `) ? title.slice(unit.length + 2) : title;
}
