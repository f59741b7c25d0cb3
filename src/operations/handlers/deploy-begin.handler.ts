import type { MachinesService } from '../../machines/index.js';
import type { StepContext, StepHandler, StepOutcome } from '../../pipeline/index.js';
import { deployWishes } from '../deploy-wishes.js';
import { gate, machineStepInput } from '../gate.js';
import { failureOf } from '../step-failure.js';

const input = machineStepInput.extend({ deploy: deployWishes });

/** `acquired` to `deploying`: from here on the machine boots to be installed. */
export class DeployBeginHandler implements StepHandler {
  readonly kind = 'machine.deploy-begin';
  readonly resumable = true;

  constructor(private readonly machines: MachinesService) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const { deploy, ...step } = input.parse(context.input);
    const machine = await this.machines.get(step.machineId);
    const stop = gate(machine, step);
    if (stop !== null) return stop;
    const { os, release, target, hostname } = deploy;
    try {
      await this.machines.changes.transition(machine.id, {
        from: step.when,
        to: 'deploying',
        version: machine.version,
        set: { target, hostname, image: { os, release }, installedAt: null, deployedAt: null, hostKeys: [] },
        message: `deploying ${os}@${release} to ${target}`,
        actor: 'muster',
      });
      return { kind: 'done' };
    } catch (error) {
      return failureOf(error);
    }
  }
}
