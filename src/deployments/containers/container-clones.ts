import { instanceName } from '../../clouds/index.js';
import { outputOf, step, type Plan } from '../../plan/index.js';
import type { StandingContainer } from './container-moves.js';
import { deleteStep, engineFile, type ContainerScripts } from './container-steps.js';

/** Where a clone stands in `nodes list`: `0/lxd/easyrsa-0.look`. No node of a bundle has a dot in its key. */
export const cloneKey = (original: string, name: string) => `${original}.${name}`;

/** Copies a container on its host, as a node that answers SSH with a key of its own. */
export function clonePlan(original: StandingContainer, name: string, scripts: ContainerScripts): Plan {
  const { hostNodeId, deploymentId, architecture } = original;
  const key = cloneKey(original.key, name);
  const own = instanceName(`${original.name}-${name}`);
  const copy = step({
    key: `node/${key}:clone`,
    kind: 'node.script',
    title: `copy container ${original.name} as ${own}`,
    lane: `node/${original.key}`,
    ...{ timeoutSeconds: 3600, stallSeconds: 3600 },
    input: {
      nodeId: hostNodeId,
      script: scripts.file('container-clone.sh'),
      environment: { SOURCE: original.name, NAME: own, DEPLOYMENT: deploymentId, KEY: key },
      files: [engineFile(scripts)],
      publishes: ['address', 'host_key'],
    },
  });
  const record = step({
    key: `node/${key}:ready`,
    kind: 'deployment.node',
    title: `record node ${key}`,
    lane: `node/${original.key}`,
    input: {
      ...{ deploymentId, key, name: own, cloneOf: original.key, machineId: null, hostNodeId, architecture },
      ...{ address: outputOf(copy.key, 'address'), hostKeys: [outputOf(copy.key, 'host_key')] },
    },
    after: [copy.key],
    timeoutSeconds: 60,
  });
  return { steps: [copy, record] };
}

/** Deletes a clone from its host. */
export function deleteClonePlan(clone: StandingContainer & { id: string }, scripts: ContainerScripts): Plan {
  const { id, key, name, hostNodeId, deploymentId } = clone;
  const lane = `node/${key}`;
  const wish = { key: `node/${key}:delete`, title: `delete container ${name}` };
  const remove = deleteStep({ ...wish, hostNodeId, lane, deploymentId, name }, [], scripts);
  const forget = step({
    key: `node/${key}:forget`,
    kind: 'deployment.forget-node',
    title: `forget node ${key} (${name})`,
    lane,
    input: { nodeId: id },
    after: [remove.key],
  });
  return { steps: [remove, forget] };
}
