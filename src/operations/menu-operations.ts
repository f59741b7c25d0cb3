import { MusterError } from '../error.js';
import type { Image, ImagesService } from '../images/index.js';
import type { Machine, MachinesService, MachineState } from '../machines/index.js';
import type { Operation, OperationsService } from './operations.service.js';

interface Choice {
  key: string;
  label: string;
}

/** Nobody has shown a token at a boot menu: what runs there is not taken away, and what is claimed is not written to. */
const ALLOWED: Record<string, readonly MachineState[]> = {
  commission: ['new', 'ready', 'broken'],
  rescue: ['new', 'ready', 'deployed', 'broken'],
  deploy: ['ready'],
};
const ACTOR = 'boot menu';

/** What may be begun at the boot menu of a machine that has one. */
export class MenuOperations {
  constructor(
    private readonly operations: Pick<OperationsService, 'start'>,
    private readonly machines: Pick<MachinesService, 'get'>,
    private readonly images: Pick<ImagesService, 'list'>,
    /** Let in by SSH afterwards. Without any, nothing is offered that only SSH can reach. */
    private readonly sshKeys: readonly string[],
  ) {}

  async choices(): Promise<Choice[]> {
    const commission = { key: 'commission', label: 'Commission: take the facts and test' };
    if (this.sshKeys.length === 0) return [commission];
    const names = new Set((await this.images.list()).filter((image) => image.kind === 'os').map(nameOf));
    return [
      commission,
      { key: 'rescue', label: 'Rescue: boot into memory for repair' },
      ...[...names].sort().map((name) => ({ key: `image:${name}`, label: `Install ${name}` })),
    ];
  }

  /** Begins what was chosen. Throws `invalid` where that was not offered, `conflict` where the machine's state forbids it. */
  async choose(machineId: string, choice: string): Promise<void> {
    const offered = await this.choices();
    if (!offered.some(({ key }) => key === choice)) {
      throw new MusterError('invalid', `cannot do ${JSON.stringify(choice)} from the boot menu: it is not offered`);
    }
    const machine = await this.machines.get(machineId);
    const operation = this.operationOf(machine, choice);
    if (ALLOWED[operation.kind]?.includes(machine.state) !== true) {
      throw new MusterError('conflict', `cannot ${operation.kind} ${machine.name}: it is ${machine.state}`);
    }
    await this.operations.start(machineId, operation, ACTOR);
  }

  private operationOf(machine: Machine, choice: string): Operation {
    if (choice === 'commission') return { kind: 'commission', tests: true };
    const authorizedKeys = [...this.sshKeys];
    if (choice === 'rescue') return { kind: 'rescue', authorizedKeys };
    const [os = '', release = ''] = choice.slice('image:'.length).split('@');
    const hostname = machine.hostname ?? machine.name;
    return {
      kind: 'deploy',
      wishes: {
        ...{ os, release, hostname, authorizedKeys },
        ...{ target: 'disk', layout: 'flat', disk: null, kernelArguments: [], userData: null },
      },
    };
  }
}

function nameOf({ os, release }: Image): string {
  return `${os}@${release}`;
}
