import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { readLimits } from '../../src/clouds/localhost/host-limits.js';
import { OwnComputer } from '../support/own-computer.js';
import { goal, numberOf, round, type Bench, type Row } from './bench.js';

const NAME = 'density';
const BASE = 'debian@12';
/** Nodes that are added at once, and after which memory is looked at. */
const BATCH = 50;
const LEFT_FREE_GB = 2;
/** 600 on a laptop of 16 GB: the figure to beat. */
const GOAL_PER_GB = 600 / 16;
const GIGABYTE = 1e9;

/** How things are with so many nodes. */
interface Sample {
  nodes: number;
  seconds: number;
  /** Bytes that are not available any more, since there was none. */
  taken: number;
  available: number;
}

/** Bytes, as the kernel reckons them: `MemTotal`, `MemAvailable`. */
function memory(name: string): number {
  const found = new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(readFileSync('/proc/meminfo', 'utf8'));
  return Number(found?.[1] ?? 0) * 1024;
}

/** So many nodes with nothing on them but their system. */
function bundleOf(nodes: number): string {
  return JSON.stringify({ name: NAME, applications: { node: { role: 'os', num_units: nodes } } });
}

/** Adds nodes until there is no memory, no time, or something says no. */
class Filling {
  readonly samples: Sample[] = [];
  private readonly before = memory('MemAvailable');
  private readonly began = Date.now();

  constructor(
    private readonly computer: OwnComputer,
    private readonly bounds: { max: number; minutes: number },
    private readonly say: (line: string) => void,
  ) {}

  /** Gives why it ended. */
  async fill(): Promise<string> {
    for (let nodes = 0; ;) {
      const why = this.whyStop(nodes);
      if (why !== null) return why;
      nodes = Math.min(nodes + BATCH, this.bounds.max);
      const bundle = join(this.computer.dataDir, 'density.yaml');
      writeFileSync(bundle, bundleOf(nodes));
      try {
        await this.computer.muster('up', bundle, '--on', 'localhost', '--base', BASE, '--yes');
      } catch (error) {
        return `the computer says no: ${error instanceof Error ? error.message.trim().split('\n').slice(-3).join(' ') : ''}`;
      }
      this.sample(nodes);
    }
  }

  private sample(nodes: number): void {
    const running = this.computer
      .containers('s')
      .split('\n')
      .filter((state) => state === 'RUNNING').length;
    if (running !== nodes) throw new Error(`${running} containers run, not ${nodes}`);
    const available = memory('MemAvailable');
    const sample = { nodes, seconds: (Date.now() - this.began) / 1000, taken: this.before - available, available };
    this.samples.push(sample);
    this.say(`${nodes} nodes after ${round(sample.seconds)} s, ${round(available / GIGABYTE)} GB available`);
  }

  private whyStop(nodes: number): string | null {
    const { max, minutes } = this.bounds;
    const perNode = (this.samples.at(-1)?.taken ?? 0) / Math.max(nodes, 1);
    if (memory('MemAvailable') - perNode * BATCH < LEFT_FREE_GB * GIGABYTE) return `${LEFT_FREE_GB} GB are left`;
    if (Date.now() - this.began > minutes * 60_000) return `${minutes} minutes are over`;
    return nodes >= max ? `there were to be ${max}` : null;
  }
}

/** As many nodes of the cloud localhost as this computer holds, by `muster up`. */
export const bench: Bench = {
  name: 'density',
  async run(say, argv) {
    const bounds = { max: numberOf(argv, '--max', 1000), minutes: numberOf(argv, '--minutes', 15) };
    const before = readLimits();
    const settings = { MUSTER_LOCALHOST_POOL_DRIVER: 'btrfs' };
    // A /22: a thousand nodes.
    const options = { bridge: 'mbench1', address: '10.179.64.1/22', settings, timeoutMs: 30 * 60_000 };
    const computer = await OwnComputer.start(options);
    try {
      await computer.serve();
      await computer.muster('images', 'build', BASE, '--kernel', 'none');
      const filling = new Filling(computer, bounds, say);
      const why = await filling.fill();
      const last = filling.samples.at(-1);
      if (last === undefined) throw new Error(`no node was made: ${why}`);
      const perGigabyte = last.nodes / (last.taken / GIGABYTE);
      return {
        load:
          `Nodes of the cloud localhost with Debian 12, systemd and an SSH server that was asked, ${BATCH} at a time, by \`muster up\` of more and more ` +
          `units; ${cpus().length} cores, ${round(memory('MemTotal') / GIGABYTE)} GB, btrfs in a file. Ended with ${last.nodes} nodes because ${why}. ` +
          `Memory is what MemAvailable lost since there was no node, the server being there. Limits in the second part are what the cloud raised.`,
        results: [...filling.samples.map(rowOf), ...before.map(limitRow)],
        goals: [goal('nodes a GB', perGigabyte, GOAL_PER_GB)],
      };
    } finally {
      await computer.stop();
    }
  },
};

function rowOf({ nodes, seconds, taken, available }: Sample): Row {
  return {
    what: `${nodes} nodes`,
    'after s': round(seconds),
    'MB a node': round(taken / nodes / 1e6),
    'nodes a GB': round(nodes / (taken / GIGABYTE)),
    'GB available': round(available / GIGABYTE),
  };
}

function limitRow({ name, now }: ReturnType<typeof readLimits>[number]): Row {
  const raised = readLimits().find((limit) => limit.name === name)?.now ?? null;
  return { what: name, was: now, raised };
}
