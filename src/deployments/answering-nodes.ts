import { step, type Plan } from '../plan/index.js';
import type { Node } from './node.entity.js';

/** A node that reboots is back by then; a lost one is to be named soon. */
const ANSWER_SECONDS = 60;

/**
 * The plan behind a look at every node: checks wait long for what may yet come, and a node that is lost does not come.
 * Where one does not answer, none of the checks runs.
 */
export function afterAnswers(plan: Plan, nodes: readonly Pick<Node, 'id' | 'key'>[]): Plan {
  const answers = nodes.map(({ id, key }) =>
    step({
      key: `node/${key}:answers`,
      kind: 'node.ssh',
      title: `node ${key} answers`,
      input: { nodeId: id, withinSeconds: ANSWER_SECONDS },
      timeoutSeconds: ANSWER_SECONDS * 2,
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
