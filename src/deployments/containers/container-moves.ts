import { outputOf, step, type JsonObject, type StepSpec } from '../../plan/index.js';
import { engineFile, engineSteps, onHost, type ContainerScripts } from './container-steps.js';

export type SnapshotAction = 'create' | 'restore' | 'delete';

/** A recorded container, and where it is. */
export interface StandingContainer {
  key: string;
  name: string;
  hostNodeId: string;
  deploymentId: string;
  address: string;
  architecture: string;
  hostKeys: string[];
}

/** Takes, restores or deletes a snapshot of a container. */
export function snapshotStep(
  { key, name, hostNodeId, deploymentId }: StandingContainer,
  { action, snapshot }: { action: SnapshotAction; snapshot: string },
  scripts: ContainerScripts,
): StepSpec {
  return step({
    key: `node/${key}:${action}-snapshot`,
    kind: 'node.script',
    title: `${action} snapshot ${snapshot} of ${name}`,
    lane: `node/${key}`,
    destructive: action !== 'create',
    input: {
      nodeId: hostNodeId,
      script: scripts.file('container-snapshot.sh'),
      environment: { NAME: name, DEPLOYMENT: deploymentId, ACTION: action, SNAPSHOT: snapshot },
      files: [engineFile(scripts)],
    },
  });
}

/** A host as a move sees it. */
export interface MoveHost {
  key: string;
  hasEngine: boolean;
  onFan: boolean;
}

export interface ContainerMove {
  container: StandingContainer;
  from: MoveHost;
  to: MoveHost;
}

/** What the hosts that take containers need first. That a host is known is a step of the plan already. */
export function receivingSteps(moves: readonly ContainerMove[], scripts: ContainerScripts): StepSpec[] {
  const hosts = new Map(moves.map(({ to }) => [to.key, to]));
  return [...hosts.values()].flatMap(({ key, hasEngine, onFan }) =>
    engineSteps({ host: key, hasEngine, onFan, after: [] }, scripts),
  );
}

/**
 * Takes a container to another host: it is stopped, packed, sent through this server, unpacked, started, recorded, and
 * only then deleted where it was.
 */
export function moveSteps({ container, from, to }: ContainerMove, scripts: ContainerScripts): StepSpec[] {
  const { key, name, deploymentId, address, architecture, hostKeys } = container;
  const keyOf = (what: string) => `node/${key}:${what}`;
  const environment: JsonObject = { NAME: name, DEPLOYMENT: deploymentId };
  const pack = onHost(scripts, from.key, 'pack', `stop and pack container ${name} on node ${from.key}`, {
    ...{ key: keyOf('pack'), script: scripts.file('container-export.sh'), environment },
    ...{ publishes: ['path', 'bytes', 'sha256'], after: [`node/${to.key}:prepare`], timeoutSeconds: 3600 },
  });
  const packed = (what: string) => outputOf(pack.key, what);
  const nodeOf = (host: string) => outputOf(`node/${host}:ready`, 'nodeId');
  const send = step({
    key: keyOf('send'),
    kind: 'container.send',
    title: `send container ${name} from node ${from.key} to node ${to.key}`,
    lane: `node/${key}`,
    input: {
      ...{ from: nodeOf(from.key), to: nodeOf(to.key), path: packed('path'), bytes: packed('bytes') },
      target: `/var/lib/muster/moving/${name}.in`,
    },
    after: [pack.key],
    ...{ timeoutSeconds: 4 * 3600, stallSeconds: 600 },
  });
  const unpack = onHost(scripts, to.key, 'unpack', `unpack container ${name} on node ${to.key} and start it`, {
    ...{ key: keyOf('unpack'), script: scripts.file('container-import.sh') },
    environment: { ...environment, ADDRESS: address, SHA256: packed('sha256') },
    ...{ publishes: ['address'], after: [send.key], timeoutSeconds: 3600 },
  });
  const record = step({
    key: keyOf('record'),
    kind: 'deployment.node',
    title: `record that ${name} is on node ${to.key}`,
    lane: `node/${key}`,
    input: {
      ...{ deploymentId, key, name, machineId: null, hostNodeId: nodeOf(to.key) },
      ...{ architecture, address: outputOf(unpack.key, 'address'), hostKeys },
    },
    after: [unpack.key],
    timeoutSeconds: 60,
  });
  const remove = onHost(scripts, from.key, 'leave', `delete container ${name} from node ${from.key}`, {
    ...{ key: keyOf('leave'), script: scripts.file('container-delete.sh'), environment },
    ...{ after: [record.key], timeoutSeconds: 300 },
  });
  return [pack, send, unpack, record, { ...remove, destructive: true }];
}
