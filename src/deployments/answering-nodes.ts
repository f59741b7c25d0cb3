import { step, type Plan } from '../plan/index.js';
import type { Node } from './node.entity.js';

/**
 * The plan behind a look at every node: checks wait long for what may yet come, and a node that is lost does not come.
 * Where one does not answer in time, none of the checks runs.
 */
export function afterAnswers(plan: Plan, nodes: readonly Pick<Node, 'id' | 'key'>[], withinSeconds: number): Plan {
  const answers = nodes.map(({ id, key }) =>
    step({
      key: `node/${key}:answers`,
      kind: 'node.ssh',
      title: `node ${key} answers`,
      input: { nodeId: id, withinSeconds },
      timeoutSeconds: withinSeconds * 2,
      retries: 0,
    }),
  );
  // One step in between: an edge from every node to every check would be a great many.
  const all = step({
    key: 'deployment:answers',
    kind: 'deployment.laid-down',
    title: 'every node answers',
    after: answers.map(({ key }) => key),
  });
  const checks = plan.steps.map((each) => (each.after.length === 0 ? { ...each, after: [all.key] } : each));
  return { steps: [...answers, all, ...checks] };
}
