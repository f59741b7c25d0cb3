import { expect, it } from 'vitest';
import { compileBundle } from './compile.js';
import { bundleGraph } from './graph.js';
import { loadBundle } from './load-bundle.js';
import { exampleRoles } from './testing/example-roles.js';

const text = `machines: {"0": {}}
applications:
  easyrsa: {role: easyrsa, to: [lxd:0]}
  etcd: {role: etcd, num_units: 1, to: ["0"]}
relations:
  - [etcd:certificates, easyrsa:client]
`;
const { bundle, roles } = loadBundle([{ name: 'bundle.yaml', text }], exampleRoles());
const compiled = compileBundle({ bundle: bundle!, roles });

it('is drawn by Mermaid: nodes with their containers and units, and who waits for whom', () => {
  expect(bundleGraph(compiled, 'mermaid', 'units')).toBe(`flowchart LR
  subgraph n0["0 (ubuntu@24.04)"]
    u1["etcd/0"]
    subgraph n1["0/lxd/easyrsa-0 (ubuntu@24.04)"]
      u0["easyrsa/0"]
    end
  end
  u0 --> u1
`);
});

it('is drawn by Graphviz', () => {
  expect(bundleGraph(compiled, 'dot', 'units')).toBe(`digraph plan {
  rankdir=LR;
  node [shape=box];
  subgraph cluster_n0 {
    label="0 (ubuntu@24.04)";
    u1 [label="etcd/0"];
    subgraph cluster_n1 {
      label="0/lxd/easyrsa-0 (ubuntu@24.04)";
      u0 [label="easyrsa/0"];
    }
  }
  u0 -> u1;
}
`);
});

it('shows every step where that is asked for', () => {
  const drawn = bundleGraph(compiled, 'mermaid', 'steps');
  for (const { key } of compiled.plan.steps) expect(drawn).toContain(`["${key}"]`);
  const id = (key: string) => new RegExp(`(s\\d+)\\["${key}"\\]`).exec(drawn)?.[1] ?? 'none';
  expect(drawn).toContain(`  ${id('easyrsa/0:issue')} --> ${id('etcd/0:configure')}\n`);
});
