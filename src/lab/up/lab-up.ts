import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { MusterError } from '../../error.js';
import { rootCacheDir } from '../../platform/config/index.js';
import { findKernel, probeAccelerator } from '../rack/accelerator.js';
import { namespaceExists, execIn } from '../rack/namespace.js';
import { Rack } from '../rack/rack.js';
import { needsOf } from './bundle-needs.js';
import { type LabOptions, machinesOf } from './lab-options.js';
import { inLab, type LabPlaces, musterCommand } from './lab-places.js';
import { labEnvironment, startLabServer, writeLabCommand } from './lab-server.js';
import { formatSeconds, runStages, type Stage, type StageTime } from './stages.js';

const IMAGE = 'debian@12';

/** Instead of a bundle: the machines stay off, for people who want to try things by hand. */
const NO_BUNDLE = 'none';

/**
 * From nothing to a verified bundle on powered-off machines, through the commands that a user would type. Gives the exit
 * code of the last of them.
 */
export async function bringLabUp(
  options: LabOptions,
  places: LabPlaces,
  write: (line: string) => void,
): Promise<number> {
  const lab = new LabRun(options, places);
  const began = performance.now();
  let times: StageTime[];
  try {
    times = await runStages(lab.stages(), {
      known: readTimes(places),
      write,
      nowMs: () => performance.now(),
      everyMs: 60_000,
    });
  } catch (error) {
    if (Rack.existsIn(places.dir)) {
      write(
        `the lab stays as it is: \`${inLab.command(places)} status\` looks around, \`npm run lab -- down\` removes it`,
      );
    }
    throw error;
  }
  keepTimes(places, times);
  write(summary(lab, options, places, times, (performance.now() - began) / 1000));
  return lab.exitCode;
}

/** Removes every trace. False when there was no lab. */
export async function takeLabDown(places: LabPlaces): Promise<boolean> {
  if (!Rack.existsIn(places.dir)) {
    if (namespaceExists(places.namespace)) {
      throw new MusterError('conflict', `cannot take the lab down: ${places.dir} does not say what belongs to it`, {
        hint: `if the namespace is a lab's, \`ip netns delete ${places.namespace}\``,
      });
    }
    return false;
  }
  await Rack.open(places.dir).destroy();
  return true;
}

/** One run of `lab up`: what a stage finds out, later ones use. */
class LabRun {
  exitCode = 0;
  private opened: Rack | null = null;

  constructor(
    private readonly options: LabOptions,
    private readonly places: LabPlaces,
  ) {}

  get rack(): Rack {
    if (this.opened === null) throw new MusterError('internal', 'cannot use the rack before it is made');
    return this.opened;
  }

  stages(): Stage[] {
    const { bundle: of } = this.options;
    const { imagesSeconds, bundleSeconds } = needsOf(of);
    const kept = { of, tellsTime: true };
    const bundle: Stage[] = [
      { name: 'bundle', ...kept, expectedSeconds: bundleSeconds, run: () => this.bringBundleUp() },
    ];
    const wanted = of === NO_BUNDLE ? [] : bundle;
    if (this.options.keep && Rack.existsIn(this.places.dir)) {
      this.opened = Rack.open(this.places.dir);
      return wanted;
    }
    return [
      { name: 'network', expectedSeconds: 2, run: (tell) => this.makeNetwork(tell) },
      {
        name: 'server',
        expectedSeconds: 12,
        run: (tell) => startLabServer(this.rack, this.places, tell, this.settings()),
      },
      { name: 'images', ...kept, expectedSeconds: imagesSeconds, run: (tell) => this.buildImages(tell) },
      { name: 'machines', expectedSeconds: 6, run: (tell) => this.makeMachines(tell) },
      ...wanted,
    ];
  }

  /** Artifacts from a folder: no name server in the rack knows the Internet. */
  private settings(): Record<string, string> {
    const { artifacts } = this.options;
    return artifacts === undefined ? {} : { MUSTER_ARTIFACT_MIRRORS: `https://=${artifacts}` };
  }

  private async makeNetwork(tell: (text: string) => void): Promise<void> {
    if (Rack.existsIn(this.places.dir)) {
      tell('taking the lab that is there down');
      await takeLabDown(this.places);
    }
    this.opened = await Rack.create({ name: this.places.namespace, dir: this.places.dir });
    writeLabCommand(this.opened, this.places);
  }

  private async buildImages(tell: (text: string) => void): Promise<void> {
    tell(`the memory environment, and ${IMAGE} with what the bundle needs (quick where they are cached)`);
    // The small kernel knows all that QEMU's default devices need, and starts sooner.
    await this.image('build', 'memory', '--kernel', 'cloud');
    // What roles need is in the image: the rack's network leads nowhere.
    await this.image('bake', IMAGE, '--kernel', 'cloud', ...this.bakedIn());
    const { containerRoles } = needsOf(this.options.bundle);
    if (containerRoles.length > 0)
      await this.image('bake', IMAGE, '--kernel', 'none', '--roles', containerRoles.join(','));
  }

  private bakedIn(): string[] {
    const { bundle } = this.options;
    return bundle === NO_BUNDLE ? ['--roles', 'fan,lxd'] : ['--bundle', bundle, ...this.overlays()];
  }

  private async image(...command: string[]): Promise<void> {
    const code = await this.show(['images', ...command]);
    if (code !== 0) {
      throw new MusterError('internal', `cannot ${command.slice(0, 2).join(' ')}: exit code ${code}`, {
        hint: `the server's log: ${inLab.serverLog(this.places)}`,
      });
    }
  }

  private async makeMachines(tell: (text: string) => void): Promise<void> {
    const { accelerator, reason } = await probeAccelerator(findKernel(['/boot', ...this.builtKernels()]));
    tell(accelerator === 'kvm' ? `KVM works (${reason})` : `software emulation, no KVM (${reason})`);
    this.opened = Rack.open(this.places.dir, accelerator);
    await this.setUp(
      ...['subnets', 'create', 'lab', '10.99.0.0/24', '--gateway', '10.99.0.1', '--mode', 'serve'],
      ...['--range', '10.99.0.100-10.99.0.199'],
    );
    await this.setUp('accept-rules', 'create', 'lab', 'any');
    for (const spec of machinesOf(this.options)) {
      const machine = await this.opened.addMachine(spec);
      // The power address is all that muster is told; it finds out the rest when the machine boots.
      await this.setUp('machines', 'declare', machine.name, '--power', 'qemu', '-p', `socket=${machine.socket}`);
      tell(`${machine.name}: ${machine.firmware}${machine.secureBoot ? ', Secure Boot' : ''}, powered off`);
    }
  }

  private async bringBundleUp(): Promise<void> {
    this.exitCode = await this.show(['up', this.options.bundle, ...this.overlays(), '--on', 'metal', '--yes']);
    if (this.exitCode !== 0) {
      throw new MusterError('internal', `cannot bring ${this.options.bundle} up: exit code ${this.exitCode}`, {
        hint: `the server's log: ${inLab.serverLog(this.places)}`,
      });
    }
  }

  private overlays(): string[] {
    return this.options.overlay.flatMap((file) => ['--overlay', file]);
  }

  private builtKernels(): string[] {
    const cache = inLab.imageCache(this.places);
    return [rootCacheDir(cache), cache].filter(existsSync).flatMap((folder) =>
      readdirSync(folder)
        .filter((name) => name.startsWith('memory-environment-'))
        .map((name) => join(folder, name)),
    );
  }

  private async setUp(...command: string[]): Promise<void> {
    await this.rack.exec([...musterCommand(), ...command], { environment: labEnvironment(this.places) });
  }

  /** Runs a command on the same terminal, so that its own progress is seen. */
  private show(command: string[]): Promise<number> {
    const [program = '', ...args] = execIn(this.rack.namespace, [...musterCommand(), ...command]);
    const child = spawn(program, args, { stdio: 'inherit', env: labEnvironment(this.places) });
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code) => resolve(code ?? 1));
    });
  }
}

function summary(
  lab: LabRun,
  options: LabOptions,
  places: LabPlaces,
  times: readonly StageTime[],
  totalSeconds: number,
): string {
  const muster = inLab.command(places);
  const machine = lab.rack.machines[0]?.name ?? 'NAME';
  const count = `${lab.rack.machines.length} machines, in ${formatSeconds(totalSeconds)}:`;
  const hasBundle = options.bundle !== NO_BUNDLE;
  return [
    '',
    hasBundle ? `${options.bundle} is up and verified on ${count}` : `there are ${count}`,
    ...times.map((time) => `  ${time.name.padEnd(10)} ${formatSeconds(time.seconds)}`),
    '',
    ...(hasBundle ? ['Look around:'] : ['Bring a bundle up, and look around:', `  ${muster} up ubuntu`]),
    `  ${muster} status ${hasBundle ? options.bundle : ''}`.trimEnd(),
    `  ${muster} machines boot-log ${machine}`,
    `  ${muster} ssh ${machine}`,
    `  ${places.dir}/machines/${machine}/serial.log`,
    'Remove it all:',
    '  npm run lab -- down',
  ].join('\n');
}

const keptTimes = z.record(z.string(), z.number());

function readTimes(places: LabPlaces): Record<string, number> {
  try {
    return keptTimes.parse(JSON.parse(readFileSync(inLab.times(places), 'utf8')));
  } catch {
    return {}; // the first time, or not ours: the built-in expectations do
  }
}

function keepTimes(places: LabPlaces, times: readonly StageTime[]): void {
  mkdirSync(places.cacheDir, { recursive: true });
  const all = { ...readTimes(places), ...Object.fromEntries(times.map((time) => [time.key, time.seconds])) };
  writeFileSync(inLab.times(places), JSON.stringify(all));
}
