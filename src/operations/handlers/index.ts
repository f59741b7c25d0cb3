import type { ImagesService } from '../../images/index.js';
import type {
  AgentOrders,
  AgentsService,
  BootSessions,
  ClaimsService,
  MachinesService,
  MetadataTokens,
} from '../../machines/index.js';
import type { StepHandler } from '../../pipeline/index.js';
import { probeHostKey } from '../../platform/remote/index.js';
import type { SecretBox } from '../../platform/secrets/index.js';
import type { PowerService } from '../../power/index.js';
import { AgentBoot } from '../agent-boot.js';
import { OrderRunner } from '../agent-order.js';
import { notingFailures } from '../note-failures.js';
import { AbandonHandler } from './abandon.handler.js';
import { AcquireHandler } from './acquire.handler.js';
import { AwaitSshHandler } from './await-ssh.handler.js';
import { DeployBeginHandler } from './deploy-begin.handler.js';
import { EnlistHandler } from './enlist.handler.js';
import { InstallHandler } from './install.handler.js';
import { OrderHandler } from './order.handler.js';
import { PowerOffHandler } from './power-off.handler.js';
import { ReleaseHandler } from './release.handler.js';
import { ReleasedHandler } from './released.handler.js';
import { RestartHandler } from './restart.handler.js';
import { TransitionHandler } from './transition.handler.js';

/** What the handlers of machine steps work with. */
export interface OperationParts {
  machines: MachinesService;
  agents: AgentsService;
  orders: AgentOrders;
  sessions: BootSessions;
  claims: ClaimsService;
  tokens: MetadataTokens;
  images: ImagesService;
  power: PowerService;
  secrets: SecretBox;
  /** Default: over SSH. */
  probe?: typeof probeHostKey;
  /** How long an enlisted machine waits to be accepted before its step asks for an operator. Default: 30. */
  acceptSeconds?: number;
  /** How long a machine may take from power-on until its agent calls. Default: 900. */
  callHomeSeconds?: number;
}

/** Every handler of the kinds `machine.*`. */
export function machineHandlers(parts: OperationParts): StepHandler[] {
  const { machines, agents, orders, sessions, claims, tokens, images, power, secrets, probe = probeHostKey } = parts;
  const boot = new AgentBoot({ machines, agents, orders, sessions, power }, parts.callHomeSeconds);
  const runner = new OrderRunner(boot, orders);
  const handlers = [
    new EnlistHandler(machines, boot, parts.acceptSeconds),
    new TransitionHandler(machines),
    new OrderHandler(machines, runner),
    new AcquireHandler(machines, claims),
    new DeployBeginHandler(machines),
    new InstallHandler(machines, images, tokens, runner, secrets),
    new AwaitSshHandler(machines, orders, sessions, power, probe),
    new AbandonHandler(machines, orders),
    new ReleaseHandler(machines),
    new ReleasedHandler(machines),
    new PowerOffHandler(machines, agents, orders, power),
    new RestartHandler(machines, agents, orders, power),
  ];
  return handlers.map((handler) => notingFailures(handler, machines));
}
