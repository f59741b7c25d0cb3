import type { BootNonces, BootPurpose } from '../machines/index.js';
import type { Clock } from '../platform/clock.js';
import type { BootEvent } from './boot-client.js';
import { type BootDecision, type BootMachine, type BootPolicy, decideBoot } from './boot-decision.js';
import { architectureOf } from './boot-file.js';
import { type GrubTransport, localDiskGrub, memoryGrub, nothingGrub, powerOffGrub } from './grub-config.js';
import {
  localDiskScript,
  memoryScript,
  type MenuChoice,
  menuScript,
  nothingScript,
  powerOffScript,
  waitScript,
} from './ipxe-script.js';
import type { MemoryBoot } from './kernel-arguments.js';
import type { MachineSnapshot } from './machine-snapshot.js';

/** What a person chose at the boot menu of a machine; starts the operation. Throws where it may not be. */
export interface MenuOperations {
  choose(machineId: string, choice: string): Promise<void>;
  /** What there is to choose: `commission`, `rescue`, `image:debian@12`. */
  choices(): Promise<MenuChoice[]>;
}

export interface ScriptRequest {
  language: 'ipxe' | 'grub';
  /** How the files come that the script names; TFTP for GRUB alone. */
  transport: GrubTransport;
  mac: string;
  uuid: string | null;
  /** Option 93 as a number, or iPXE's name. */
  architecture: string | null;
  /** What was chosen at the menu. */
  choice: string | null;
  /** The client's address. */
  client: string;
  bootUrl: string;
  agentUrl: string;
  /** Where this script came from. */
  scriptUrl: string;
  /** A HEAD wants the length alone: nothing is minted for it. */
  isHead: boolean;
}

export interface ScriptSettings extends BootPolicy {
  kernelArguments: readonly string[];
  menuTimeoutSeconds: number;
  caSha256: string;
}

/** What is to be seen of a script that a machine was given. */
export function scriptEvent(
  language: ScriptRequest['language'],
  decision: BootDecision,
): Pick<BootEvent, 'stage' | 'message' | 'details'> {
  const { kind, reason } = decision;
  const purpose = kind === 'memory' ? decision.purpose : null;
  const message = `${language} script: ${purpose ?? kind} (${reason})`;
  return { stage: 'script', message, details: { decision: kind, purpose } };
}

/** As long as a nonce: 32 bytes in base64url. */
const PLACEHOLDER = 'A'.repeat(43);

/** Boot scripts, each made for one machine and one boot. */
export class BootScripts {
  constructor(
    private readonly snapshot: MachineSnapshot,
    private readonly nonces: BootNonces,
    private readonly settings: ScriptSettings,
    private readonly clock: Clock,
    private readonly menu: MenuOperations | null,
    /** What the client's subnet has for machines that nobody knows; null: what the settings say. */
    private readonly unknownMachinesAt: (client: string) => BootPolicy['unknownMachines'] | null = () => null,
  ) {}

  async scriptFor(request: ScriptRequest): Promise<{ text: string; decision: BootDecision }> {
    const view = await this.snapshot.freshView(request.mac, request.uuid);
    const unknownMachines = this.unknownMachinesAt(request.client) ?? this.settings.unknownMachines;
    const decision = decideBoot(view, { unknownMachines });
    const machine = view.kind === 'known' ? view.machine : null;
    if (decision.kind === 'menu') return { decision, text: await this.menuText(request, decision, machine) };
    return { decision, text: await this.textOf(request, decision, machine) };
  }

  private async textOf(
    request: ScriptRequest,
    decision: Exclude<BootDecision, { kind: 'menu' }>,
    machine: BootMachine | null,
  ): Promise<string> {
    const isGrub = request.language === 'grub';
    const { reason } = decision;
    switch (decision.kind) {
      case 'memory': {
        const boot = await this.memoryBoot(request, decision.purpose, machine);
        return isGrub ? memoryGrub(boot, reason, request.transport) : memoryScript(boot, reason, request.scriptUrl);
      }
      case 'local-disk':
        return isGrub ? localDiskGrub(reason) : localDiskScript(request.bootUrl, reason);
      case 'power-off':
        return isGrub ? powerOffGrub(reason) : powerOffScript(reason);
      case 'nothing':
        return isGrub ? nothingGrub(reason) : nothingScript(reason);
    }
  }

  private async memoryBoot(
    request: ScriptRequest,
    purpose: BootPurpose,
    machine: BootMachine | null,
  ): Promise<MemoryBoot> {
    const { mac, bootUrl, agentUrl } = request;
    const inWindow = machine?.windowUntil != null && machine.windowUntil > this.clock.now();
    const architecture = architectureOf(request.architecture) ?? 'amd64';
    const nonce = request.isHead
      ? PLACEHOLDER
      : await this.nonces.mint({ machineId: machine?.id ?? null, mac, purpose, architecture, inWindow });
    const { caSha256, kernelArguments: extraArguments } = this.settings;
    return { bootUrl, agentUrl, caSha256, nonce, purpose, mac, extraArguments };
  }

  /** GRUB machines (Secure Boot, arm64) have no menu: they do what the first choice says. */
  private async menuText(request: ScriptRequest, decision: BootDecision, machine: BootMachine | null): Promise<string> {
    const { reason } = decision;
    const local = { kind: 'local-disk', reason } as const;
    const { choice } = request;
    if (choice === 'local' || request.language === 'grub') return this.textOf(request, local, machine);
    if (choice === 'enlist' && machine === null)
      return this.textOf(request, { kind: 'memory', purpose: 'enlist', machineId: null, reason }, null);
    if (choice !== null && machine !== null && this.menu !== null && !request.isHead) {
      await this.menu.choose(machine.id, choice);
      return waitScript(`${machine.name}: ${choice} begins, muster restarts the machine`, request.scriptUrl);
    }
    const { menuTimeoutSeconds: timeoutSeconds } = this.settings;
    return menuScript(await this.choices(machine), { title: reason, timeoutSeconds, scriptUrl: request.scriptUrl });
  }

  private async choices(machine: BootMachine | null): Promise<MenuChoice[]> {
    const local = { key: 'local', label: 'Start from the local disk' };
    if (machine === null) return [local, { key: 'enlist', label: 'Make this machine known to muster' }];
    if (this.menu === null) return [local];
    return [local, ...(await this.menu.choices())];
  }
}
