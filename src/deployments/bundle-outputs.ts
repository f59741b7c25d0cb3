import { Inject, Injectable } from '@nestjs/common';
import { MusterError } from '../error.js';
import { RunsService } from '../pipeline/index.js';
import type { JsonValue } from '../plan/index.js';
import type { Deployment } from './deployment.entity.js';
import { DeploymentsService } from './deployments.service.js';

export interface BundleOutput {
  name: string;
  secret: boolean;
  /** Null where it is secret and was not opened. */
  value: JsonValue;
}

/** What a bundle names under `outputs:`, as the deployment's steps have published it last. */
@Injectable()
export class BundleOutputs {
  constructor(
    @Inject(DeploymentsService) private readonly deployments: DeploymentsService,
    @Inject(RunsService) private readonly runs: RunsService,
  ) {}

  /** By name; those that nothing has published yet are left out. */
  async list(deployment: Deployment, options: { openSecrets?: boolean } = {}): Promise<BundleOutput[]> {
    const missing = new Map(Object.entries(this.deployments.compiled(deployment).compiled.outputs));
    const found: BundleOutput[] = [];
    const runs = missing.size === 0 ? [] : await this.runs.list({ subject: { kind: 'deployment', id: deployment.id } });
    for (const run of runs) {
      if (missing.size === 0) break;
      const published = await this.runs.outputs(run.id, options);
      for (const [name, source] of missing) {
        const output = published.find((each) => each.step === source.step && each.name === source.name);
        if (output === undefined) continue;
        found.push({ name, secret: output.secret, value: output.value });
        missing.delete(name);
      }
    }
    return found.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** One of them, opened where it is secret. */
  async open(deployment: Deployment, name: string): Promise<BundleOutput> {
    const outputs = await this.list(deployment, { openSecrets: true });
    const output = outputs.find((each) => each.name === name);
    if (output !== undefined) return output;
    const names = outputs.map((each) => each.name);
    throw new MusterError('not-found', `cannot find an output "${name}" of ${deployment.name}`, {
      hint: names.length === 0 ? 'it has none yet' : `its outputs: ${names.join(', ')}`,
    });
  }
}
