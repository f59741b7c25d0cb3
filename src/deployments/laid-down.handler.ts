import { Injectable } from '@nestjs/common';
import type { StepHandler, StepOutcome } from '../pipeline/index.js';

/** Stands between the last steps of many units and their first checks: a hundred edges to it instead of ten thousand. */
@Injectable()
export class LaidDownHandler implements StepHandler {
  readonly kind = 'deployment.laid-down';

  run(): Promise<StepOutcome> {
    return Promise.resolve({ kind: 'done' });
  }
}
