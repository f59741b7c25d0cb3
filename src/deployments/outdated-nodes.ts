import { formatBase, formatConstraints } from '../bundles/index.js';
import type { NodeRequest } from '../clouds/index.js';
import type { Node } from './node.entity.js';

/** A node that was made with something else than is wanted of it by now, and stays as it is. */
export interface OutdatedNode {
  /** Its key. */
  node: string;
  what: 'base' | 'constraints';
  made: string;
  wanted: string;
}

/** Of nodes that do not know what they were made with nothing is said. */
export function outdatedNodes(
  requests: readonly Pick<NodeRequest, 'key' | 'base' | 'constraints'>[],
  existing: ReadonlyMap<string, Pick<Node, 'base' | 'constraints'>>,
): OutdatedNode[] {
  return requests.flatMap(({ key, base, constraints }) => {
    const node = existing.get(key);
    if (node === undefined || node.base === null) return [];
    const differences = [
      { what: 'base' as const, made: node.base, wanted: formatBase(base) },
      {
        what: 'constraints' as const,
        made: formatConstraints(node.constraints ?? {}),
        wanted: formatConstraints(constraints),
      },
    ];
    return differences
      .filter(({ made, wanted }) => made !== wanted)
      .map((difference) => ({ node: key, ...difference }));
  });
}
