import { messageOf } from '../../error.js';
import type { AgentOrders, BootSessions, MachinesService } from '../../machines/index.js';
import type { StepContext, StepHandler, StepOutcome } from '../../pipeline/index.js';
import { probeHostKey } from '../../platform/remote/index.js';
import type { PowerService } from '../../power/index.js';
import { gate, machineStepInput } from '../gate.js';

const POLL_MS = 1000;
const PROBE_MS = 5000;
/** From the order to restart until sshd answers; server firmware alone can take five minutes. */
const LIMIT_SECONDS = 1200;
/** An agent that has not restarted its machine by then is helped by the power switch. */
const RESTART_SECONDS = 60;

/**
 * Restarts an installed machine into its own system and waits until SSH answers there with a host key that was made
 * during the install. Publishes `address`, `hostKeys`
 * and `architecture`.
 */
export class AwaitSshHandler implements StepHandler {
  readonly kind = 'machine.await-ssh';
  readonly resumable = true;

  constructor(
    private readonly machines: MachinesService,
    private readonly orders: AgentOrders,
    private readonly sessions: BootSessions,
    private readonly power: PowerService,
    private readonly probe: typeof probeHostKey = probeHostKey,
  ) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const input = machineStepInput.parse(context.input);
    const machine = await this.machines.get(input.machineId);
    const stop = gate(machine, input);
    const { address, hostKeys } = machine;
    const outputs = { address, hostKeys, architecture: machine.architecture ?? 'amd64' };
    if (stop?.kind === 'done') return { ...stop, outputs };
    if (stop !== null) return stop;
    if (machine.target !== 'ram') await this.restart(context, machine.id);
    if (address === null)
      return { kind: 'failed', failure: 'permanent', reason: `the address of ${machine.name} is not known` };
    const found = await this.probe({ host: address, port: 22, hostKeys }, PROBE_MS);
    if (found.kind === 'pinned') return { kind: 'done', outputs };
    if (found.kind === 'other') {
      return {
        kind: 'failed',
        failure: 'needs-operator',
        reason: `${address} shows another host key than ${machine.name} made during its install: ${found.shown.slice(0, 40)}…`,
        hint: 'find out who answers at that address; then muster retry',
      };
    }
    return this.waited(context, machine.id, found.reason);
  }

  /** The agent restarts the machine; where it does not, the power switch does. */
  private async restart(context: StepContext, machineId: string): Promise<void> {
    const key = `restart ${context.executionId}`;
    const order = await this.orders.enqueue({ machineId, key, kind: 'reboot', parameters: {}, timeoutSeconds: 60 });
    if (order.status !== 'pending' || context.state.cycled === true) return;
    if (context.clock.now().getTime() - order.createdAt.getTime() < RESTART_SECONDS * 1000) return;
    await context.log('its agent did not take the order to restart: using the power switch\n');
    await this.orders.cancel(key);
    await context.saveState({ ...context.state, cycled: true });
    await this.power
      .cycle(machineId, context.signal)
      .catch((error: unknown) => context.log(`cannot use the power switch: ${messageOf(error)}\n`));
  }

  private async waited(context: StepContext, machineId: string, reason: string): Promise<StepOutcome> {
    const waitedMs = context.clock.now().getTime() - context.startedAt.getTime();
    if (waitedMs < LIMIT_SECONDS * 1000) return { kind: 'again', afterMs: POLL_MS };
    const stalled = await this.sessions.whyStalled(machineId, context.startedAt);
    return {
      kind: 'failed',
      failure: 'transient',
      reason: `SSH does not answer after ${LIMIT_SECONDS} s (${reason}): ${stalled}`,
    };
  }
}
