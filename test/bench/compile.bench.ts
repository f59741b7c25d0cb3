import { compileBundle, formatDiagnostics, loadBundle } from '../../src/bundles/index.js';
import { fixtureRoles } from '../support/fixture-roles.js';
import { goal, median, round, type Bench } from './bench.js';

const SIZES = [10, 100, 1000, 5000];
const ROUNDS = 5;

/** A Kubernetes of so many units: three of etcd, two control planes, one authority; workers, each with its runtime. */
function bundleOf(units: number): string {
  const workers = (units - 6 - 2) / 2;
  return `default-base: debian@12
applications:
  easyrsa: {role: easyrsa}
  etcd: {role: etcd, num_units: 3}
  control: {role: kubernetes-control-plane, num_units: 2}
  worker: {role: kubernetes-worker, num_units: ${workers}}
  containerd: {role: containerd}
relations:
  - [etcd:certificates, easyrsa:client]
  - [control:certificates, easyrsa:client]
  - [worker:certificates, easyrsa:client]
  - [control:etcd, etcd:db]
  - [control:kube-control, worker:kube-control]
  - [containerd:containerd, control:container-runtime]
  - [containerd:containerd, worker:container-runtime]
`;
}

interface Figure {
  seconds: number;
  steps: number;
  edges: number;
}

/** From the text to the plan. */
function compileOnce(units: number): Figure {
  const roles = fixtureRoles();
  const text = bundleOf(units);
  const begin = performance.now();
  const { bundle, diagnostics } = loadBundle([{ name: 'bundle.yaml', text }], roles);
  if (bundle === null) throw new Error(formatDiagnostics(diagnostics));
  const compiled = compileBundle({ bundle, roles });
  const seconds = (performance.now() - begin) / 1000;
  if (compiled.units.length !== units) throw new Error(`${compiled.units.length} units, not ${units}`);
  const edges = compiled.plan.steps.reduce((sum, { after }) => sum + after.length, 0);
  return { seconds, steps: compiled.plan.steps.length, edges };
}

export const bench: Bench = {
  name: 'compile',
  run(say) {
    const figures = new Map<number, Figure>();
    for (const units of SIZES) {
      const rounds = Array.from({ length: ROUNDS }, () => compileOnce(units));
      const seconds = median(rounds.map((figure) => figure.seconds));
      figures.set(units, { ...rounds[0]!, seconds });
      say(`${units} units: ${round(seconds * 1000)} ms`);
    }
    const secondsOf = (units: number) => figures.get(units)?.seconds ?? Infinity;
    return Promise.resolve({
      load: `From the text of a Kubernetes bundle to its plan, in one thread; median of ${ROUNDS} rounds.`,
      results: [...figures].map(([units, { seconds, steps, edges }]) => ({
        ...{ units, steps, edges, ms: round(seconds * 1000), 'µs a unit': round((seconds * 1e6) / units) },
      })),
      goals: [
        goal('1,000 units: 1 s / time', 1 / secondsOf(1000), 1),
        goal('5 times the units in at most 8 times the time', (8 * secondsOf(1000)) / secondsOf(5000), 1),
      ],
    });
  },
};
