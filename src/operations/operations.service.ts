import type { EntityManager } from 'typeorm';
import { MusterError } from '../error.js';
import type { AgentOrders, Machine, MachinesService } from '../machines/index.js';
import type { RunEntity, RunsService } from '../pipeline/index.js';
import type { StepSpec } from '../plan/index.js';
import type { SecretBox } from '../platform/secrets/index.js';
import { type DeployWishes, userDataRow } from './deploy-wishes.js';
import { checkUserData } from './user-data.js';
import {
  commissionSteps,
  deploySteps,
  exitRescueSteps,
  releaseSteps,
  rescueSteps,
  testSteps,
  type HardwareTest,
} from './plans.js';

/** What can be asked of one machine by hand. */
export type Operation =
  | { kind: 'commission'; tests: boolean }
  /** `userData`: the operator's own, in the clear; it is sealed before it is stored. */
  | { kind: 'deploy'; wishes: DeployWishes }
  | { kind: 'release'; erase: 'quick' | 'secure' | 'full' }
  | { kind: 'rescue'; authorizedKeys: string[] }
  | { kind: 'exit-rescue' }
  | { kind: 'test'; tests: readonly HardwareTest[] };

/** An operation that nobody has asked to be run yet. */
export interface PlannedOperation {
  machine: Machine;
  kind: Operation['kind'];
  steps: StepSpec[];
  actor: string;
}

/** Operations on machines, each a run that can be watched, retried, paused and cancelled. */
export class OperationsService {
  constructor(
    private readonly machines: MachinesService,
    private readonly orders: AgentOrders,
    private readonly runs: RunsService,
    private readonly secrets: SecretBox,
  ) {}

  /** What the operation would do, step by step. Throws where the machine is not in a state for it. */
  async plan(machineIdOrName: string, operation: Operation, actor: string): Promise<PlannedOperation> {
    const machine = await this.machines.get(machineIdOrName);
    refuseOthers(machine, operation);
    return { machine, kind: operation.kind, steps: stepsOf(machine, this.sealed(machine, operation), actor), actor };
  }

  async start(machineIdOrName: string, operation: Operation, actor: string): Promise<RunEntity> {
    return this.submit(null, await this.plan(machineIdOrName, operation, actor));
  }

  /** Stores the run: in the manager's transaction, after which the caller nudges it, or in one of its own. */
  submit(manager: EntityManager | null, { machine, kind, steps, actor }: PlannedOperation): Promise<RunEntity> {
    return this.runs.submit(manager, {
      subject: { kind: 'machine', id: machine.id },
      action: kind,
      title: `${kind} ${machine.name}`,
      plan: { steps },
      actor,
    });
  }

  /** User-data may hold secrets, and a plan is stored and shown. */
  private sealed(machine: Machine, operation: Operation): Operation {
    if (operation.kind !== 'deploy' || operation.wishes.userData === null) return operation;
    const { userData } = operation.wishes;
    checkUserData(userData);
    const sealed = this.secrets.seal(userData, userDataRow(machine.id));
    return { kind: 'deploy', wishes: { ...operation.wishes, userData: sealed } };
  }

  /**
   * Ends what runs on the machine and brings it back to where the operation began, as far as nothing was written. All of
   * it in the manager's transaction, after which the caller nudges the run that it gives.
   */
  async abort(
    manager: EntityManager,
    machineIdOrName: string,
    actor: string,
  ): Promise<{ machine: Machine; run: string | null }> {
    const machine = await this.machines.get(machineIdOrName, manager);
    const [active] = await this.runs.list({ subject: { kind: 'machine', id: machine.id }, open: true });
    if (active !== undefined) await this.runs.cancel(active.id, `aborted by ${actor}`, { manager });
    await this.orders.cancelAll(machine.id, manager);
    const run = active?.id ?? null;
    const back = ({ commissioning: 'new', deploying: 'broken', testing: 'previous', erasing: 'broken' } as const)[
      machine.state as string
    ];
    if (back === undefined) return { machine: await this.machines.get(machine.id, manager), run };
    const to = back === 'previous' ? (machine.previousState ?? 'broken') : back;
    const change = { from: [machine.state], to, message: `aborted by ${actor}`, actor };
    return { machine: await this.machines.changes.transition(machine.id, change, manager), run };
  }

  /** Out of `broken`: its disks are erased and it is ready again. */
  planMarkFixed(machineIdOrName: string, actor: string): Promise<PlannedOperation> {
    return this.plan(machineIdOrName, { kind: 'release', erase: 'quick' }, actor);
  }
}

function stepsOf(machine: Machine, operation: Operation, actor: string): StepSpec[] {
  const place = { prefix: `machine/${machine.name}`, machine: machine.id, after: [] };
  switch (operation.kind) {
    case 'commission':
      return commissionSteps(place, { again: true, tests: operation.tests, powerOff: true });
    case 'deploy': {
      const claim = machine.claim ?? `machine/${machine.name}`;
      return deploySteps(place, { claim, deploymentId: null, owner: actor, constraint: {} }, operation.wishes);
    }
    case 'release':
      return releaseSteps(place, operation.erase);
    case 'rescue':
      return rescueSteps(place, operation.authorizedKeys);
    case 'exit-rescue':
      return exitRescueSteps(place);
    case 'test':
      return testSteps(place, operation.tests);
  }
}

/** What a deployment holds is not changed behind its back. */
function refuseOthers(machine: Machine, { kind }: Operation): void {
  if (machine.deploymentId === null || !['commission', 'deploy', 'release'].includes(kind)) return;
  throw new MusterError(
    'conflict',
    `cannot ${kind} ${machine.name}: it is taken for ${machine.claim ?? machine.deploymentId}`,
    {
      hint: 'take the deployment down (muster down), or change its bundle',
    },
  );
}
