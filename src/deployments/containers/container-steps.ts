import type { NodeRequest, NodeSteps } from '../../clouds/index.js';
import { outputOf, step, type JsonObject, type StepSpec } from '../../plan/index.js';

/** A container on a node that the same bundle names. */
export type ContainerRequest = NodeRequest & { inside: NonNullable<NodeRequest['inside']> };

/** The texts of the role lxd's files, and what is put beside them. */
export interface ContainerScripts {
  file(name: string): string;
  /** Options of the role as they are where nobody says otherwise. */
  defaults: JsonObject;
  /** For containers that hold containers: `muster-cgroups.sh` and its unit. */
  cgroupFiles: readonly { path: string; content: string }[];
}

const readyOf = (node: string) => `node/${node}:ready`;

/** What a host needs before the first container of a plan is made on it. */
export function hostSteps(requests: readonly ContainerRequest[], scripts: ContainerScripts): StepSpec[] {
  const hosts = new Map(requests.map((request) => [request.inside.host, request]));
  return [...hosts.values()].flatMap((one) => {
    const own = requests.filter(({ inside }) => inside.host === one.inside.host);
    const bases = new Map(own.map((request) => [baseOf(request), request]));
    return [
      ...engineSteps(one.inside, scripts),
      ...[...bases.values()].flatMap((request) => imageSteps(request, scripts)),
    ];
  });
}

const baseOf = ({ base }: NodeRequest) => `${base.os}-${base.release}`;

/** LXD on a host, and what containers stand on there. */
export function engineSteps(inside: ContainerRequest['inside'], scripts: ContainerScripts): StepSpec[] {
  const { host, hasEngine, onFan, after } = inside;
  const install = onHost(scripts, host, 'engine', `install LXD on node ${host}, for containers`, {
    script: scripts.file('install.sh'),
    environment: scripts.defaults,
    timeoutSeconds: 1200,
  });
  const prepare = onHost(scripts, host, 'prepare', `prepare node ${host} for containers`, {
    script: scripts.file('container-prepare.sh'),
    environment: { ON_FAN: String(onFan) },
    after: [...(hasEngine ? [] : [install.key]), ...after],
    timeoutSeconds: 600,
  });
  return hasEngine ? [prepare] : [install, prepare];
}

function imageSteps(request: ContainerRequest, scripts: ContainerScripts): StepSpec[] {
  const { host } = request.inside;
  const { os, release } = request.base;
  const find = step({
    key: `node/${host}:find-${baseOf(request)}`,
    kind: 'container.image',
    title: `find a root of ${os}@${release} for containers on node ${host}`,
    // Builds one where there is none; two at once would build it twice.
    lane: 'image-build',
    input: { os, release, arch: outputOf(readyOf(host), 'arch') },
    after: [readyOf(host)],
    timeoutSeconds: 3600,
    stallSeconds: 900,
  });
  const said = (name: string) => outputOf(find.key, name);
  const send = onHost(scripts, host, `image-${baseOf(request)}`, `bring the root of ${os}@${release} to node ${host}`, {
    script: scripts.file('container-image.sh'),
    checkScript: scripts.file('container-image-check.sh'),
    environment: {
      ...{ ALIAS: said('alias'), ARCH: said('arch'), CREATED: said('created') },
      ...{ OS: os, RELEASE: release },
    },
    artifacts: [{ name: 'root', url: said('url'), sha256: said('sha256'), fileName: said('fileName') }],
    after: [`node/${host}:prepare`, find.key],
    timeoutSeconds: 1800,
  });
  return [find, send];
}

/** Makes the container; it is reached through its host, whatever network it is on. */
export function containerSteps(request: ContainerRequest, name: string, scripts: ContainerScripts): NodeSteps {
  const { key, inside, constraints, container, deploymentId, authorizedKeys } = request;
  const { host } = inside;
  const image = `node/${host}:image-${baseOf(request)}`;
  const create = onHost(scripts, host, 'create', `make container ${name} on node ${host}`, {
    key: `node/${key}:create`,
    script: scripts.file('container-create.sh'),
    environment: {
      ...{ NAME: name, DEPLOYMENT: deploymentId, KEY: key },
      ALIAS: outputOf(`node/${host}:find-${baseOf(request)}`, 'alias'),
      AUTHORIZED_KEYS: authorizedKeys.map((line) => line.trim()).join('\n'),
      CORES: String(constraints.cores ?? ''),
      MEM_MIB: String(constraints.memMiB ?? ''),
      ROOT_MIB: String(constraints.rootDiskMiB ?? ''),
      NESTING: String(container.nesting),
      PRIVILEGED: String(container.privileged),
    },
    files: container.nesting || container.privileged ? scripts.cgroupFiles : [],
    publishes: ['address', 'host_key'],
    after: [image],
    timeoutSeconds: 600,
  });
  return {
    steps: [create],
    lastStep: create.key,
    registration: {
      ...{ name, machineId: null, hostNodeId: outputOf(readyOf(host), 'nodeId') },
      architecture: outputOf(readyOf(host), 'arch'),
      address: outputOf(create.key, 'address'),
      hostKeys: [outputOf(create.key, 'host_key')],
    },
  };
}

/** Deletes one container of a deployment on a host; without a name all of them, and what they stood on. */
/** A host that is being cleared and does not answer for so long is given up. */
export const GIVE_UP_SECONDS = 30;

export function deleteStep(
  wish: { key: string; title: string; hostNodeId: string; lane: string; deploymentId: string; name: string },
  after: string[],
  scripts: ContainerScripts,
): StepSpec {
  const { key, title, hostNodeId, lane, deploymentId, name } = wish;
  return step({
    ...{ key, kind: 'node.script', title, lane, after, destructive: true, timeoutSeconds: 300 },
    input: {
      nodeId: hostNodeId,
      script: scripts.file('container-delete.sh'),
      environment: { NAME: name, DEPLOYMENT: deploymentId },
      files: [engineFile(scripts)],
      giveUpSeconds: GIVE_UP_SECONDS,
    },
  });
}

export interface HostScript {
  key?: string;
  script: string;
  checkScript?: string;
  environment: JsonObject;
  artifacts?: JsonObject[];
  files?: readonly { path: string; content: string }[];
  publishes?: string[];
  after?: string[];
  timeoutSeconds: number;
}

export const engineFile = (scripts: ContainerScripts) => ({ path: 'engine.sh', content: scripts.file('engine.sh') });

/** A script on a host that is known in the plan. */
export function onHost(
  scripts: ContainerScripts,
  host: string,
  name: string,
  title: string,
  what: HostScript,
): StepSpec {
  const { script, checkScript, environment, artifacts, publishes, timeoutSeconds } = what;
  const check = checkScript === undefined ? [] : [{ path: 'container-image-check.sh', content: checkScript }];
  return step({
    key: what.key ?? `node/${host}:${name}`,
    kind: 'node.script',
    title,
    lane: `node/${host}`,
    after: [...new Set([readyOf(host), ...(what.after ?? [])])],
    ...{ timeoutSeconds, stallSeconds: timeoutSeconds },
    input: {
      nodeId: outputOf(readyOf(host), 'nodeId'),
      ...{ script, environment },
      ...(checkScript === undefined ? {} : { checkScript }),
      ...(artifacts === undefined ? {} : { artifacts }),
      ...(publishes === undefined ? {} : { publishes }),
      files: [engineFile(scripts), ...check, ...(what.files ?? [])].map(({ path, content }) => ({ path, content })),
    },
  });
}
