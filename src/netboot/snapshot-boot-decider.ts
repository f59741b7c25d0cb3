import type { BootAnswer, BootClient, BootDecider } from './boot-client.js';
import { type BootPolicy, decideBoot } from './boot-decision.js';
import { bootFileFor, type BootFilePolicy } from './boot-file.js';
import type { MachineSnapshot } from './machine-snapshot.js';

/** The one decision, from memory, for DHCP and TFTP. */
export class SnapshotBootDecider implements BootDecider {
  constructor(
    private readonly snapshot: MachineSnapshot,
    private readonly policy: BootPolicy & BootFilePolicy,
  ) {}

  answerFor(client: BootClient): BootAnswer {
    const unknownMachines = client.unknownMachines ?? this.policy.unknownMachines;
    const decision = decideBoot(this.snapshot.view(client.mac, client.uuid), { unknownMachines });
    return bootFileFor(client, decision, this.policy);
  }
}
