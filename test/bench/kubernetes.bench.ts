import { mkdtempSync, chmodSync, rmSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { RunDetail } from '../../src/api/contract/index.js';
import { kubernetesBundle, kubernetesMirror, unpackKubectl } from '../support/kubernetes-artifacts.js';
import { OwnComputer } from '../support/own-computer.js';
import { runProcess } from '../../src/platform/process/index.js';
import { goal, median, numberOf, round, type Bench, type Row } from './bench.js';

const NAME = 'kubernetes-core';
const BASE = 'debian@12';
const GOAL_SECONDS = 60;

/** A stage is over when the last of these steps is. */
const STAGES = [
  { stage: 'image in LXD, s', steps: /^cloud:/ },
  { stage: 'SSH on both, s', steps: /^node\/[01]:start$/ },
  { stage: 'programs there, s', steps: /:install$/ },
  { stage: 'API answers, s', steps: /^kubernetes-control-plane\/0:bootstrap$/ },
  { stage: 'joined, s', steps: /^kubernetes-(control-plane\/0:node|worker\/0:configure)$/ },
  { stage: 'both Ready, s', steps: /^kubernetes-control-plane\/0:nodes-ready$/ },
] as const;
const READY = 'both Ready, s';

/** The stages of one `muster up`, in seconds since it was typed. */
interface Figures {
  stages: Record<string, number>;
  verified: number;
}

class Cluster {
  private constructor(
    private readonly computer: OwnComputer,
    private readonly dir: string,
  ) {}

  static async create(): Promise<Cluster> {
    const dir = mkdtempSync('/var/tmp/mkbench-');
    // The server is another user.
    chmodSync(dir, 0o755);
    writeFileSync(join(dir, 'bundle.yaml'), kubernetesBundle());
    await unpackKubectl(dir);
    const settings = {
      MUSTER_ARTIFACT_MIRRORS: kubernetesMirror(join(dir, 'mirror')),
      // Of its own: at first it is empty.
      MUSTER_IMAGES_CACHE_DIR: join(dir, 'images'),
    };
    const timeoutMs = 40 * 60_000;
    const computer = await OwnComputer.start({ bridge: 'mbench0', address: '10.179.18.1/24', settings, timeoutMs });
    await computer.serve();
    return new Cluster(computer, dir);
  }

  /** Brings it up, looks with a stock kubectl whether it is what it says, and takes it down. */
  async measure(): Promise<Figures> {
    const typed = Date.now();
    const bundle = join(this.dir, 'bundle.yaml');
    await this.computer.muster('up', bundle, '--name', NAME, '--on', 'localhost', '--base', BASE, '--yes');
    const run = JSON.parse(await this.computer.muster('runs', 'show', NAME, '--json')) as RunDetail;
    await this.checkReady();
    await this.computer.muster('down', NAME, '--yes');
    const since = (time: string | null) => (Date.parse(time ?? '') - typed) / 1000;
    const ended = (steps: RegExp) =>
      Math.max(...run.steps.filter(({ key }) => steps.test(key)).map(({ endedAt }) => since(endedAt)));
    const stages = Object.fromEntries(STAGES.map(({ stage, steps }) => [stage, ended(steps)]));
    return { stages, verified: since(run.endedAt) };
  }

  private async checkReady(): Promise<void> {
    const file = join(this.dir, 'kubeconfig');
    rmSync(file, { force: true });
    await this.computer.muster('outputs', NAME, 'kubeconfig', '--save', file);
    const argv = [join(this.dir, 'kubectl'), '--kubeconfig', file, 'get', 'nodes', '--no-headers'];
    const { stdout } = await runProcess(argv);
    if (stdout.match(/ Ready /g)?.length !== 2) throw new Error(`not two Ready nodes:\n${stdout}`);
  }

  /** Gives how long it took. */
  async bake(): Promise<number> {
    const began = Date.now();
    const bundle = join(this.dir, 'bundle.yaml');
    await this.computer.muster('images', 'bake', `${BASE}/container`, '--bundle', bundle, '--name', 'kubernetes');
    return (Date.now() - began) / 1000;
  }

  async destroy(): Promise<void> {
    await this.computer.stop();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** `muster up` of a two-node Kubernetes on containers of this computer, from nothing to a prebaked image. */
export const bench: Bench = {
  name: 'kubernetes',
  async run(say, argv) {
    const rounds = numberOf(argv, '--rounds', 3);
    const figures = new Map<string, Figures[]>();
    const cluster = await Cluster.create();
    let bakeSeconds: number;
    try {
      const take = async (way: string) => {
        const measured = await cluster.measure();
        figures.set(way, [...(figures.get(way) ?? []), measured]);
        say(
          `${way}: Ready after ${round(measured.stages[READY] ?? 0)} s, verified after ${round(measured.verified)} s`,
        );
      };
      await take('cold');
      for (let number = 0; number < rounds; number += 1) await take('plain image, warm');
      bakeSeconds = await cluster.bake();
      say(`baked in ${round(bakeSeconds)} s`);
      await take('prebaked, new to LXD');
      for (let number = 0; number < rounds; number += 1) await take('prebaked, warm');
    } finally {
      await cluster.destroy();
    }
    const of = (way: string, pick: (each: Figures) => number) => round(median((figures.get(way) ?? []).map(pick)));
    const ready = of('prebaked, warm', ({ stages }) => stages[READY] ?? 0);
    return {
      load:
        `\`muster up\` of kubernetes-core (1.20.2) on two LXD containers of this computer, ${cpus().length} cores, to both nodes Ready and to the end of ` +
        `its checks; seconds since the command was typed. Cold: a server that has no image, no artifact and no package yet, artifacts from a folder. ` +
        `Warm: done before, medians of ${rounds} rounds. Prebaked: \`muster images bake\`, which took ${round(bakeSeconds)} s.`,
      results: [...figures.keys()].map((way): Row => ({
        image: way,
        ...Object.fromEntries(STAGES.map(({ stage }) => [stage, of(way, ({ stages }) => stages[stage] ?? 0)])),
        'verified, s': of(way, ({ verified }) => verified),
      })),
      goals: [goal(`prebaked, warm: ${GOAL_SECONDS} s / both Ready`, GOAL_SECONDS / ready, 1)],
    };
  },
};
