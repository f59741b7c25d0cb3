import { Inject, Injectable } from '@nestjs/common';
import type { Principal } from '../access/index.js';
import type { Node } from '../deployments/index.js';
import { MusterError } from '../error.js';
import { MachinesService, PowerReadings, type Machine as StoredMachine } from '../machines/index.js';
import { RunsService } from '../pipeline/index.js';
import { refuseOutsidePool } from './access.guard.js';
import type { Machine, MachineDetail } from './contract/index.js';
import { SubjectNames } from './subject-names.js';
import { type MachineContext, machineDetailView, machineView } from './views/machine-view.js';

/** Machines as the API shows them: with their deployment and the run that works on them. */
@Injectable()
export class MachineDirectory {
  constructor(
    @Inject(MachinesService) private readonly machines: MachinesService,
    @Inject(RunsService) private readonly runs: RunsService,
    @Inject(SubjectNames) private readonly names: SubjectNames,
    @Inject(PowerReadings) private readonly readings: PowerReadings,
  ) {}

  /** By name or id. Throws `not-found` also for one outside the token's pool. */
  async get(reference: string, who: Principal): Promise<StoredMachine> {
    const machine = await this.machines.get(reference);
    refuseOutsidePool(who, machine.pool, `machine ${reference}`);
    return machine;
  }

  /**
   * Throws `forbidden` where a token of one pool may not log in to all that a deployment has or is about to have: one key
   * opens it. `wanted` are the keys of the nodes that its bundle asks for.
   */
  async refuseOtherPools(
    deployment: { id: string; nodes: readonly Node[]; wanted: readonly string[] },
    who: Principal,
  ): Promise<void> {
    if (who.pool === null) return;
    const held = await this.machines.list({ deploymentId: deployment.id });
    const ids = new Set(held.filter(({ pool }) => pool === who.pool).map(({ id }) => id));
    const isOwn = (node: Node) => node.hostNodeId !== null || (node.machineId !== null && ids.has(node.machineId));
    const known = new Set(deployment.nodes.map(({ key }) => key));
    const isWhole = deployment.wanted.every((key) => known.has(key));
    if (isWhole && ids.size === held.length && deployment.nodes.every(isOwn)) return;
    throw new MusterError(
      'forbidden',
      `cannot log in with a token of pool "${who.pool}": the deployment goes beyond it`,
      {
        hint: 'its key opens all of its nodes; a token without a pool gets it',
      },
    );
  }

  async view(machine: StoredMachine): Promise<Machine> {
    return machineView(machine, await this.known(machine));
  }

  async detail(machine: StoredMachine): Promise<MachineDetail> {
    return machineDetailView(machine, await this.known(machine));
  }

  async views(machines: readonly StoredMachine[]): Promise<Machine[]> {
    const open = await this.runs.list({ open: true, limit: 1000 });
    const runOf = new Map(open.map((run) => [run.subject.id, run.id]));
    const subjects = machines.flatMap(({ deploymentId: id }) => (id === null ? [] : [{ kind: 'deployment', id }]));
    const names = await this.names.namesOf(subjects);
    const power = await this.readings.statesOf(machines.map(({ id }) => id));
    return machines.map((machine) =>
      machineView(machine, {
        deployment: machine.deploymentId === null ? null : (names.get(machine.deploymentId) ?? machine.deploymentId),
        runId: runOf.get(machine.id) ?? null,
        power: power.get(machine.id) ?? 'unknown',
      }),
    );
  }

  private async known(machine: StoredMachine): Promise<MachineContext> {
    const [run] = await this.runs.list({ subject: { kind: 'machine', id: machine.id }, open: true, limit: 1 });
    const { deploymentId } = machine;
    const name = deploymentId === null ? null : await this.names.nameOf({ kind: 'deployment', id: deploymentId });
    const power = await this.readings.statesOf([machine.id]);
    return { deployment: name ?? deploymentId, runId: run?.id ?? null, power: power.get(machine.id) ?? 'unknown' };
  }
}
