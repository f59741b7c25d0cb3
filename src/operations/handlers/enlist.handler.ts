import type { MachinesService } from '../../machines/index.js';
import type { StepContext, StepHandler, StepOutcome } from '../../pipeline/index.js';
import type { AgentBoot } from '../agent-boot.js';
import { gate, machineStepInput } from '../gate.js';

const POLL_MS = 1000;
const ACCEPT_SECONDS = 30;

/** Boots a declared machine so that it is seen, and waits until its facts are here and it is accepted. */
export class EnlistHandler implements StepHandler {
  readonly kind = 'machine.enlist';
  readonly resumable = true;

  constructor(
    private readonly machines: MachinesService,
    private readonly boot: AgentBoot,
    /** An operator who has to accept it gets this long before the step says that it waits for one. */
    private readonly acceptSeconds = ACCEPT_SECONDS,
  ) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const input = machineStepInput.parse(context.input);
    const machine = await this.machines.get(input.machineId);
    const stop = gate(machine, input);
    if (stop !== null) return stop;
    if (machine.state === 'declared') {
      const agent = await this.boot.ensure(context, machine, 'enlist');
      return 'outcome' in agent ? agent.outcome : { kind: 'again', afterMs: POLL_MS };
    }
    if (machine.acceptedAt !== null) return { kind: 'done' };
    if (machine.powerDriver !== null && machine.factsAt === null) {
      const agent = await this.boot.ensure(context, machine, 'enlist');
      if ('outcome' in agent) return agent.outcome;
    }
    const waitedMs = context.clock.now().getTime() - context.startedAt.getTime();
    if (machine.factsAt === null || waitedMs < this.acceptSeconds * 1000) return { kind: 'again', afterMs: POLL_MS };
    return {
      kind: 'failed',
      failure: 'needs-operator',
      reason: `${machine.name} is not accepted, and no rule accepts it`,
      hint: `look at its facts, then: muster machines accept ${machine.name}; muster retry`,
    };
  }
}
