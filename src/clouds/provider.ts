import type { FactConstraint } from '../machines/index.js';
import type { JsonObject, StepSpec } from '../plan/index.js';

export type CloudKind = 'metal' | 'localhost' | 'lxd' | 'ssh';

/** What a node must offer; absent: it does not matter. `^x` in a list: not x. */
export interface NodeConstraints {
  arch?: string;
  cores?: number;
  memMiB?: number;
  rootDiskMiB?: number;
  tags?: string[];
  zones?: string[];
  pool?: string;
  disks?: number;
  nics?: number;
  linkSpeedMbps?: number;
  spaces?: string[];
  gpu?: string;
  facts?: FactConstraint[];
}

/** What a bundle wants of one node. */
export interface NodeRequest {
  deploymentId: string;
  deploymentName: string;
  /** Its name in the bundle: `0`. */
  key: string;
  constraints: NodeConstraints;
  base: { os: string; release: string };
  /** What it has to allow where it is a system container; a machine allows everything. */
  container: { nesting: boolean; privileged: boolean };
  /** It is a container on another node; absent: a machine of the cloud's. */
  inside?: {
    /** That node's key. */
    host: string;
    /** A unit lays LXD there. */
    hasEngine: boolean;
    /** A unit lays a fan there. */
    onFan: boolean;
    /** The steps that lay them. */
    after: string[];
  };
  layout: 'flat' | 'lvm';
  /** Public keys that may log in: the deployment's own, and the operator's. */
  authorizedKeys: string[];
  hostname: string;
}

/** A node that is to go. */
export interface ExistingNode {
  key: string;
  /** For people. */
  name: string;
  /** Null: what the cloud holds for a node that was never finished. */
  nodeId: string | null;
  machineId: string | null;
  /** Of a container: the node it is on. */
  hostNodeId?: string | null;
}

export interface NodeSteps {
  steps: StepSpec[];
  /** The step that comes last, after which the node answers SSH. */
  lastStep: string;
  /** What `deployment.node` needs to record the node: literals and output references. */
  registration: JsonObject;
}

/** What the plan says of a node before anything happens. */
export interface NodePreview {
  key: string;
  /** "machine-3 (ready)", or "any machine that fits". */
  choice: string;
  /** Where nothing fits: why each that was looked at does not, a line each. */
  misfits?: string[];
  /** Disks that would be wiped, for the question before the run. */
  wipes: string[];
}

/** The code behind a kind of cloud: how a node comes to be and how it goes. */
export interface CloudProvider {
  readonly kind: CloudKind;
  /** The systems that it can give just now. */
  bases(): Promise<{ os: string; release: string }[]>;
  /** What would be used, asked of the inventory as it is now. Throws where the cloud cannot give what is asked. */
  preview(requests: readonly NodeRequest[]): Promise<NodePreview[]>;
  /** What all new nodes of a plan need first: an image. Steps of {@link planNode} may come after these. */
  planShared?(requests: readonly NodeRequest[]): StepSpec[];
  planNode(request: NodeRequest): NodeSteps;
  /** What the cloud holds for a deployment, finished or not: a failed `up` leaves machines that no node was made of. */
  held(deploymentId: string): Promise<ExistingNode[]>;
  /** Whether a node that does not answer is there no more, and never will answer; where the cloud can tell. */
  hasLost?(node: ExistingNode): Promise<boolean>;
  /** Gives the node back. */
  planRemoval(node: ExistingNode, after: string[]): StepSpec[];
  /** Lets a node go that cannot be reached: nothing is asked of it. */
  planAbandonment(node: ExistingNode, after: string[]): StepSpec[];
  /**
   * Lets a node go that cannot be reached and that another takes the place of, with what would be taken for that other one.
   * Absent: {@link planAbandonment} is enough.
   */
  planClearance?(node: ExistingNode, after: string[]): StepSpec[];
  /** Whether the node lives on when it is given back: what roles laid on it has to be removed by their own steps. */
  outlives(node: ExistingNode): boolean;
  /** What the removal of a node does, for the question before the run; `isLost`: by {@link planAbandonment}. */
  removalOf(node: ExistingNode, isLost: boolean): { change: string; destroys: string[] };
}
