import type { CompiledBundle } from './compile.js';
import type { PlannedNode } from './place.js';

export type GraphFormat = 'mermaid' | 'dot';

/** A drawing's vertices in boxes within boxes, and its arrows. */
interface Drawing {
  boxes: Box[];
  arrows: [from: string, to: string][];
}

interface Box {
  id: string;
  label: string;
  boxes: Box[];
  vertices: { id: string; label: string }[];
}

/**
 * The plan as text that draws it: a box for each node with its containers in it. An arrow leads from what comes first
 * to what waits for it: from unit to unit, or from step to step.
 */
export function bundleGraph(compiled: CompiledBundle, format: GraphFormat, detail: 'units' | 'steps'): string {
  const drawing = detail === 'units' ? drawingOfUnits(compiled) : drawingOfSteps(compiled);
  return format === 'dot' ? dot(drawing) : mermaid(drawing);
}

function drawingOfUnits({ nodes, units, plan }: CompiledBundle): Drawing {
  const ids = new Map(units.map(({ name }, index) => [name, `u${index}`]));
  const arrows = new Map<string, [string, string]>();
  for (const step of plan.steps)
    for (const before of step.after) {
      const [from, to] = [ids.get(subjectOf(before)), ids.get(subjectOf(step.key))];
      if (from !== undefined && to !== undefined && from !== to) arrows.set(`${from} ${to}`, [from, to]);
    }
  const verticesOn = (node: string) =>
    units.flatMap(({ name, node: on }, index) => (on === node ? [{ id: `u${index}`, label: name }] : []));
  return { boxes: boxesOf(nodes, verticesOn), arrows: [...arrows.values()] };
}

function drawingOfSteps({ nodes, units, plan }: CompiledBundle): Drawing {
  const ids = new Map(plan.steps.map(({ key }, index) => [key, `s${index}`]));
  const nodeOf = new Map(units.map(({ name, node }) => [name, node]));
  const arrows = plan.steps.flatMap(({ key, after }) =>
    after.flatMap((before): [string, string][] => {
      const [from, to] = [ids.get(before), ids.get(key)];
      return from === undefined || to === undefined ? [] : [[from, to]];
    }),
  );
  const verticesOn = (node: string) =>
    plan.steps.flatMap(({ key }, index) =>
      nodeOf.get(subjectOf(key)) === node ? [{ id: `s${index}`, label: key }] : [],
    );
  return { boxes: boxesOf(nodes, verticesOn), arrows };
}

function boxesOf(nodes: readonly PlannedNode[], verticesOn: (node: string) => Box['vertices']): Box[] {
  const boxes = new Map(
    nodes.map(({ key, base }, index): [string, Box] => [
      key,
      { id: `n${index}`, label: `${key} (${base.os}@${base.release})`, boxes: [], vertices: verticesOn(key) },
    ]),
  );
  return nodes.flatMap(({ key, placement }) => {
    const box = boxes.get(key);
    const host = placement.kind === 'container' ? boxes.get(placement.on) : undefined;
    if (!box) return [];
    if (!host) return [box];
    host.boxes.push(box);
    return [];
  });
}

function subjectOf(step: string): string {
  return step.slice(0, step.indexOf(':'));
}

function mermaid({ boxes, arrows }: Drawing): string {
  const label = (text: string) => `"${text.replaceAll('"', '#quot;')}"`;
  const lines = (box: Box, indent: string): string[] => [
    `${indent}subgraph ${box.id}[${label(box.label)}]`,
    ...box.vertices.map((vertex) => `${indent}  ${vertex.id}[${label(vertex.label)}]`),
    ...box.boxes.flatMap((inner) => lines(inner, `${indent}  `)),
    `${indent}end`,
  ];
  const drawn = boxes.flatMap((box) => lines(box, '  '));
  return ['flowchart LR', ...drawn, ...arrows.map(([from, to]) => `  ${from} --> ${to}`), ''].join('\n');
}

function dot({ boxes, arrows }: Drawing): string {
  const label = (text: string) => `"${text.replace(/["\\]/g, '\\$&')}"`;
  const lines = (box: Box, indent: string): string[] => [
    `${indent}subgraph cluster_${box.id} {`,
    `${indent}  label=${label(box.label)};`,
    ...box.vertices.map((vertex) => `${indent}  ${vertex.id} [label=${label(vertex.label)}];`),
    ...box.boxes.flatMap((inner) => lines(inner, `${indent}  `)),
    `${indent}}`,
  ];
  const drawn = boxes.flatMap((box) => lines(box, '  '));
  const edges = arrows.map(([from, to]) => `  ${from} -> ${to};`);
  return ['digraph plan {', '  rankdir=LR;', '  node [shape=box];', ...drawn, ...edges, '}', ''].join('\n');
}
