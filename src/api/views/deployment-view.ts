import type {
  CompiledDeployment,
  Deployment as StoredDeployment,
  DeploymentPreview,
  Node,
} from '../../deployments/index.js';
import { formatDiagnostic, type BundleFile, type Diagnostic as BundleDiagnostic } from '../../bundles/index.js';
import type { RunView, StepView } from '../../pipeline/index.js';
import type { Plan } from '../../plan/index.js';
import type { Deployment, DeploymentDetail, Diagnostic, PlannedStep, PlanReply, Run } from '../contract/index.js';

export function deploymentView(deployment: StoredDeployment, run: Run | null): Deployment {
  const { id, name, bundle, cloud, createdBy, createdAt } = deployment;
  const status = deployment.removedAt === null ? statusOf(run) : 'removed';
  return {
    id,
    name,
    bundle,
    cloud,
    status,
    reason: run?.reason ?? null,
    run,
    createdBy,
    createdAt: createdAt.toISOString(),
  };
}

function statusOf(run: Run | null): Deployment['status'] {
  if (run === null) return 'new';
  const names = {
    queued: 'working',
    running: 'working',
    paused: 'paused',
    succeeded: 'ready',
    failed: 'failed',
    cancelled: 'cancelled',
  } as const;
  return names[run.status];
}

type Unit = DeploymentDetail['units'][number];

/**
 * Units as the bundle wants them; what each does is read from its steps in the latest run that changed the deployment.
 * One that the run had nothing to do with stands as it was.
 */
export function unitViews(
  compiled: CompiledDeployment,
  nodes: readonly Node[],
  standing: ReadonlySet<string>,
  run: RunView | null,
): Unit[] {
  const addresses = new Map(nodes.map((node) => [node.key, node.address]));
  return compiled.compiled.units.map(({ name, application, role, node }) => {
    const steps = run?.steps.filter((step) => step.key.startsWith(`${name}:`)) ?? [];
    const address = addresses.get(node) ?? null;
    return { name, application, role, node, address, ...unitStatus(steps, standing.has(name)) };
  });
}

function unitStatus(steps: readonly StepView[], stands: boolean): Pick<Unit, 'status' | 'message'> {
  const bad = steps.find((step) => step.status === 'failed' || step.status === 'needs-operator');
  if (bad !== undefined) return { status: 'failed', message: `${bad.title}: ${bad.reason ?? bad.status}` };
  const now = steps.find((step) => step.status === 'running');
  if (now !== undefined) return { status: 'working', message: now.title };
  const left = steps.find((step) => step.status !== 'succeeded' && step.status !== 'skipped');
  if (steps.length === 0 && stands) return { status: 'ready', message: null };
  if (steps.length === 0 || left !== undefined) return { status: 'waiting', message: left?.title ?? null };
  return { status: 'ready', message: null };
}

/** `all`: the nodes of the deployment, among them the one that it may be a container on. */
export function nodeView(node: Node, all: readonly Node[]): DeploymentDetail['nodes'][number] {
  const { key, name, machineId, address, hostNodeId, cloneOf } = node;
  const host = all.find(({ id }) => id === hostNodeId);
  return { key, name, machineId, address, on: host?.key ?? null, cloneOf };
}

export function planView(preview: DeploymentPreview): PlanReply {
  const { planHash, diff, estimate, diagnostics } = preview;
  return { ...downPlanView(preview), diff, planHash, estimate, diagnostics: diagnostics.map(diagnosticView) };
}

export function downPlanView(preview: Omit<DeploymentPreview, 'diagnostics' | 'diff' | 'estimate' | 'planHash'>) {
  const { deployment, cloud, changes, destroys, plan } = preview;
  return { deployment, cloud, changes, destroys, steps: plannedSteps(plan) };
}

function plannedSteps(plan: Plan): PlannedStep[] {
  return plan.steps.map(({ key, kind, title, lane, after, destructive }) => ({
    ...{ key, kind, title, lane, after, destructive },
  }));
}

export function diagnosticView(diagnostic: BundleDiagnostic): Diagnostic {
  const { severity, file, line, column, message } = diagnostic;
  return { severity, file, line, column, message, excerpt: formatDiagnostic(diagnostic) };
}

/** A file of a bundle as the input of a step has it. */
export function fileOfStep({ name, text, attached, encoding }: BundleFile): BundleFile {
  return {
    ...{ name, text },
    ...(attached === undefined ? {} : { attached }),
    ...(encoding === undefined ? {} : { encoding }),
  };
}
