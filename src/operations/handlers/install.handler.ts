import type { z } from 'zod';
import type { DeployableFile, ImagesService } from '../../images/index.js';
import {
  BOOT_URL,
  hostKeysResult,
  type imageSource,
  type Machine,
  type MachinesService,
  type MetadataTokens,
  type Seed,
} from '../../machines/index.js';
import { MusterError } from '../../error.js';
import type { StepContext, StepHandler, StepOutcome } from '../../pipeline/index.js';
import type { SecretBox } from '../../platform/secrets/index.js';
import type { OrderRunner, WantedOrder } from '../agent-order.js';
import { deployWishes, type DeployWishes, userDataRow } from '../deploy-wishes.js';
import { gate, machineStepInput } from '../gate.js';
import { noCloudSeed } from '../no-cloud-seed.js';

const input = machineStepInput.extend({ deploy: deployWishes });

const INSTALL_SECONDS = 3600;
/** From the order until cloud-init has phoned home: server firmware may take minutes for the boot between. */
const PHONE_HOME_SECONDS = INSTALL_SECONDS + 1800;
/** Room for the system's own files on top of what the image unpacks to. */
const SPARE_BYTES = 256 * 1024 * 1024;

/** Writes the image to the machine's disk, or takes it into memory, and keeps the host keys that the agent reports. */
export class InstallHandler implements StepHandler {
  readonly kind = 'machine.install';
  readonly resumable = true;

  constructor(
    private readonly machines: MachinesService,
    private readonly images: ImagesService,
    private readonly tokens: MetadataTokens,
    private readonly runner: OrderRunner,
    private readonly secrets: SecretBox,
  ) {}

  async run(context: StepContext): Promise<StepOutcome> {
    const { deploy, ...step } = input.parse(context.input);
    const machine = await this.machines.get(step.machineId);
    const stop = gate(machine, step);
    if (stop !== null) return stop;
    if (machine.installedAt !== null && machine.hostKeys.length > 0)
      return { kind: 'done', outputs: { hostKeys: machine.hostKeys }, note: 'it was installed before' };
    try {
      const purpose = deploy.target === 'ram' ? 'ram' : 'deploy';
      const outcome = await this.runner.run(context, machine, purpose, () => this.orderFor(context, machine, deploy));
      return outcome.kind === 'done' ? await this.keep(context, machine, outcome.outputs ?? {}) : outcome;
    } catch (error) {
      if (!(error instanceof MusterError) || error.kind === 'unavailable') throw error;
      return { kind: 'failed', failure: 'permanent', reason: error.message, hint: error.hint };
    }
  }

  async cancel(context: StepContext): Promise<void> {
    await this.runner.cancel(context);
  }

  private async orderFor(
    context: StepContext,
    machine: Machine,
    deploy: DeployWishes,
  ): Promise<WantedOrder<'install' | 'boot-ram'>> {
    const { os, release, hostname, authorizedKeys, target } = deploy;
    const image = await this.images.getSelected({ os, release, architecture: machine.architecture ?? 'amd64' });
    const file = this.images.getDeployable(image, target === 'ram' ? ['squashfs'] : undefined);
    const seed = await this.seedFor(context, machine, deploy);
    const common = { image: sourceOf(file), hostname, seed, authorizedKeys };
    if (target === 'ram') return { kind: 'boot-ram', parameters: common, timeoutSeconds: INSTALL_SECONDS };
    const disk = diskOf(machine, deploy.disk, (file.unpackedBytes ?? file.sizeBytes) + SPARE_BYTES);
    const { layout, kernelArguments } = deploy;
    const parameters = { ...common, disk, layout, kernelArguments };
    return { kind: 'install', parameters, timeoutSeconds: INSTALL_SECONDS };
  }

  private async seedFor(context: StepContext, machine: Machine, deploy: DeployWishes): Promise<Seed> {
    const { hostname, authorizedKeys } = deploy;
    const userData = deploy.userData === null ? null : this.secrets.open(deploy.userData, userDataRow(machine.id));
    const mac = machine.nics.find((nic) => nic.boot)?.mac ?? machine.nics[0]?.mac ?? '';
    const wishes = { instanceId: `${machine.id}-${context.executionId}`, hostname, authorizedKeys, mac, userData };
    const { seed } = await this.tokens.issue(
      machine.id,
      (phoneHomeToken) => noCloudSeed({ ...wishes, phoneHomeToken }),
      PHONE_HOME_SECONDS,
    );
    return seed;
  }

  private async keep(context: StepContext, machine: Machine, output: Record<string, unknown>): Promise<StepOutcome> {
    const reported = hostKeysResult.safeParse(output);
    if (!reported.success)
      return { kind: 'failed', failure: 'permanent', reason: 'the agent reported no host keys for the new system' };
    const { hostKeys } = reported.data;
    await this.machines.changes.update(
      machine.id,
      { hostKeys, installedAt: context.clock.now(), everDeployed: true },
      { kind: 'installed', message: 'its system is written; it boots from there now', actor: 'muster' },
    );
    return { kind: 'done', outputs: { hostKeys } };
  }
}

function sourceOf(file: DeployableFile): z.infer<typeof imageSource> {
  const { form, compression, sha256, sizeBytes, os, release } = file;
  return { form, compression, sha256, sizeBytes, os, release, url: `${BOOT_URL}/boot/images/${sha256}` };
}

/** The disk that the operator named, with the serial that commissioning saw on it; else the agent chooses. */
function diskOf(machine: Machine, name: string | null, minimumBytes: number) {
  if (name === null) return { path: null, serial: null, minimumBytes };
  const known = machine.facts?.disks.find((disk) => disk.name === name || `/dev/${disk.name}` === name);
  if (known === undefined)
    throw new MusterError('conflict', `cannot install to ${name}: ${machine.name} has no such disk`, {
      hint: `it has ${machine.facts?.disks.map((disk) => disk.name).join(', ') ?? 'none that is known'}`,
    });
  return { path: `/dev/${known.name}`, serial: known.serial, minimumBytes };
}
