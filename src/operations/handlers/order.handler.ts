import { z } from 'zod';
import {
  BOOT_PURPOSES,
  hostKeysResult,
  type MachinesService,
  type OrderKind,
  orderParameters,
} from '../../machines/index.js';
import type { StepContext, StepHandler, StepOutcome } from '../../pipeline/index.js';
import type { OrderRunner } from '../agent-order.js';
import { gate, machineStepInput } from '../gate.js';

/** Orders that need nothing but what the plan says; `install` and `boot-ram` have handlers of their own. */
const PLAIN = [
  'facts',
  'test-memory',
  'test-disk',
  'erase',
  'rescue',
  'reboot',
  'power-off',
] as const satisfies OrderKind[];

const input = machineStepInput.extend({
  order: z.enum(PLAIN),
  parameters: z.record(z.string(), z.json()),
  timeoutSeconds: z.number(),
  purpose: z.enum(BOOT_PURPOSES),
});

/** One order to a machine's agent, which is booted where it is not up. Publishes what the agent reports. */
export class OrderHandler implements StepHandler {
  readonly kind = 'machine.order';
  readonly resumable = true;

  constructor(
    private readonly machines: MachinesService,
    private readonly runner: OrderRunner,
  ) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const { order, parameters, timeoutSeconds, purpose, ...step } = input.parse(context.input);
    const machine = await this.machines.get(step.machineId);
    const stop = gate(machine, step);
    if (stop !== null) return stop;
    const checked = orderParameters[order].parse(parameters);
    const wanted = () => ({ kind: order, parameters: checked, timeoutSeconds });
    const outcome = await this.runner.run(context, machine, purpose, wanted);
    return order === 'rescue' && outcome.kind === 'done' ? this.told(outcome, step.machineId) : outcome;
  }

  /** Who logs in must be able to know the machine: the keys of its SSH server are new at every rescue. */
  private async told(outcome: Extract<StepOutcome, { kind: 'done' }>, machineId: string): Promise<StepOutcome> {
    const { hostKeys } = hostKeysResult.parse(outcome.outputs);
    const { address } = await this.machines.get(machineId);
    return { ...outcome, note: `ssh root@${address ?? 'its address'}; its host keys: ${hostKeys.join(', ')}` };
  }

  async cancel(context: StepContext): Promise<void> {
    await this.runner.cancel(context);
  }
}
