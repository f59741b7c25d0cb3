import { Inject, Injectable } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { In, IsNull, type EntityManager } from 'typeorm';
import {
  isUnitStep,
  parseBase,
  stepDigest,
  unitOfKey,
  type Base,
  type KnownDeployment,
  type Standing,
} from '../bundles/index.js';
import {
  RunsService,
  type RunStatus,
  type SkippedStep,
  type StoppedStep,
  type SucceededStep,
} from '../pipeline/index.js';
import { storedOutputOf, type JsonValue } from '../plan/index.js';
import { SECRET_BOX } from '../platform/index.js';
import type { SecretBox } from '../platform/secrets/index.js';
import { AppliedStepEntity } from './applied-step.entity.js';
import { Deployment } from './deployment.entity.js';
import { Node } from './node.entity.js';

/** One unit that has been laid down, wholly or in part. */
export interface StandingUnit {
  name: string;
  nodeId: string;
  /** The newest of the deployment's files that laid a step of it. */
  version: number;
}

/** What a value that a unit published is: where it is stored, and itself unless it is secret. */
export interface PublishedValue {
  unit: string;
  step: string;
  name: string;
  stepId: string;
  secret: boolean;
  value: JsonValue;
}

/** A deployment as it stands: its nodes, the units on them and what these published. */
export interface DeploymentStanding extends Standing {
  units: StandingUnit[];
  published: PublishedValue[];
}

/** Remembers what units were laid down with, step by step. */
@Injectable()
export class StandingState {
  constructor(
    @Inject(RunsService) private readonly runs: RunsService,
    @Inject(SECRET_BOX) private readonly secrets: SecretBox,
  ) {}

  async of(manager: EntityManager, deployment: Deployment, nodes: readonly Node[]): Promise<DeploymentStanding> {
    const there = new Set(nodes.map((node) => node.id));
    const rows = (await manager.findBy(AppliedStepEntity, { deploymentId: deployment.id })).filter((row) =>
      there.has(row.nodeId),
    );
    const published = await this.publishedBy(manager, rows);
    const outputs = new Map<string, Record<string, JsonValue>>();
    for (const { stepId, name, value } of published) outputs.set(stepId, { ...outputs.get(stepId), [name]: value });
    return {
      nodes: Object.fromEntries(
        nodes.map((node) => {
          const { key, id, address, architecture } = node;
          return [key, { nodeId: id, address, architecture, base: baseOf(node) }];
        }),
      ),
      steps: new Map(
        rows.map(({ unit, step, nodeId, digest, stepId, appliedAt, skipped }) => [
          `${unit}:${step}`,
          { nodeId, digest, stepId, appliedAt, skipped, outputs: outputs.get(stepId) ?? {} },
        ]),
      ),
      digestKey: this.digestKey(deployment),
      units: unitsOf(rows),
      published,
    };
  }

  private async publishedBy(manager: EntityManager, rows: readonly AppliedStepEntity[]): Promise<PublishedValue[]> {
    const byId = new Map(rows.map((row) => [row.stepId, row]));
    const values = await this.runs.outputsOfSteps(manager, [...byId.keys()]);
    return values.flatMap(({ stepId, name, secret, value }) => {
      const row = byId.get(stepId);
      return row === undefined ? [] : [{ unit: row.unit, step: row.step, name, stepId, secret, value }];
    });
  }

  /** A key of the deployment's own, which is kept sealed. */
  private digestKey(deployment: Deployment): string {
    const privateKey = this.secrets.open(deployment.sshPrivateKey, deployment.id);
    return createHash('sha256').update(`step digests\n${privateKey}`).digest('hex');
  }

  /** In the transaction that records the step's success. */
  async record(manager: EntityManager, now: Date, step: SucceededStep): Promise<void> {
    await this.save(manager, step, step.resolved.nodeId, (deployment) => ({
      digest: stepDigest(this.digestKey(deployment), step.input, step.resolved),
      ...{ skipped: null, stepId: step.stepId, appliedAt: now },
    }));
  }

  /** A person has left the step out: it counts as if it had run. What an earlier run of it published stays. */
  async recordSkipped(manager: EntityManager, now: Date, step: SkippedStep): Promise<void> {
    const { resolved, why } = step;
    const nodeId = resolved?.nodeId ?? step.input.nodeId;
    await this.save(manager, step, nodeId, (deployment, before) => ({
      digest: resolved === null ? null : stepDigest(this.digestKey(deployment), step.input, resolved),
      ...{ skipped: why, stepId: before?.stepId ?? step.stepId, appliedAt: now },
    }));
  }

  /** It may have laid something before it stopped, so there is something to remove. What is known of it stays. */
  async recordBegun(manager: EntityManager, now: Date, step: StoppedStep): Promise<void> {
    await this.save(manager, step, step.resolved.nodeId, (_, before) =>
      before === null ? { digest: null, skipped: null, stepId: step.stepId, appliedAt: now } : null,
    );
  }

  /** `valuesOf` gives null where what is there is to stay. */
  private async save(
    manager: EntityManager,
    step: Pick<SucceededStep, 'kind' | 'key' | 'subjectId'>,
    nodeId: JsonValue | undefined,
    valuesOf: (deployment: Deployment, before: AppliedStepEntity | null) => Partial<AppliedStepEntity> | null,
  ): Promise<void> {
    if (step.kind !== 'node.script' || !isUnitStep(step.key) || typeof nodeId !== 'string') return;
    const deployment = await manager.findOneBy(Deployment, { id: step.subjectId });
    const node = await manager.findOneBy(Node, { id: nodeId, removedAt: IsNull() });
    if (deployment === null || node === null) return;
    const unit = unitOfKey(step.key);
    const name = { deploymentId: deployment.id, unit, step: step.key.slice(unit.length + 1) };
    const before = await manager.findOneBy(AppliedStepEntity, { ...name, nodeId: node.id });
    const place = { ...name, nodeId: node.id, version: deployment.version, doubted: null };
    const values = valuesOf(deployment, before);
    if (values === null) return;
    await manager.save(AppliedStepEntity, Object.assign(new AppliedStepEntity(), { ...place, ...values }));
  }

  /** These are about to run again: until they have, nobody knows what they were run with. What they published stays. */
  async doubt(manager: EntityManager, deploymentId: string, keys: readonly string[]): Promise<void> {
    await manager.query(
      `update applied_step set doubted = digest, digest = null
       where deployment_id = $1 and unit || ':' || step = any($2)`,
      [deploymentId, keys],
    );
  }

  /** A run has ended or goes on: what it has not begun stands as it did, and is in doubt again when it may begin. */
  async runChanged(manager: EntityManager, run: { id: string; subjectId: string; status: RunStatus }): Promise<void> {
    const { id, subjectId, status } = run;
    const own = `applied.deployment_id = $2 and step.run_id = $1 and applied.unit || ':' || applied.step = step.key`;
    if (status === 'failed' || status === 'cancelled')
      await manager.query(
        `update applied_step as applied set digest = doubted, doubted = null from step
         where ${own} and step.attempt = 0 and step.status <> 'skipped' and applied.digest is null`,
        [id, subjectId],
      );
    if (status === 'running')
      await manager.query(
        `update applied_step as applied set doubted = digest, digest = null from step
         where ${own} and step.status not in ('succeeded', 'skipped') and applied.digest is not null`,
        [id, subjectId],
      );
  }

  /** The unit is gone from the node. */
  async forget(manager: EntityManager, deploymentId: string, unit: string, nodeId: string): Promise<void> {
    await manager.delete(AppliedStepEntity, { deploymentId, unit, nodeId });
  }

  async forgetNodes(manager: EntityManager, nodeIds: readonly string[]): Promise<void> {
    await manager.delete(AppliedStepEntity, { nodeId: In([...nodeIds]) });
  }
}

/** What a node was made with, where that is known. */
export function baseOf({ base }: Pick<Node, 'base'>): Base | undefined {
  return base === null ? undefined : (parseBase(base) ?? undefined);
}

/** As the bundle compiler wants it: values are named by where they are stored, so no plan holds a secret. */
export function knownDeployment(standing: DeploymentStanding): KnownDeployment {
  const published: Record<string, Record<string, JsonValue>> = {};
  for (const { unit, step, name, stepId } of standing.published)
    published[unit] = { ...published[unit], [name]: storedOutputOf(stepId, `${unit}:${step}`, name) };
  return { nodes: standing.nodes, published, units: new Set(standing.units.map((unit) => unit.name)) };
}

function unitsOf(rows: readonly AppliedStepEntity[]): StandingUnit[] {
  const units = new Map<string, StandingUnit>();
  for (const { unit, nodeId, version } of rows) {
    const known = units.get(unit);
    if (known === undefined || known.version < version) units.set(unit, { name: unit, nodeId, version });
  }
  return [...units.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
