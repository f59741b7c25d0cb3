import { join } from 'node:path';
import { z } from 'zod';
import { machinesRoutes } from '../../api/contract/index.js';
import { execIn } from '../rack/namespace.js';
import { runProcess } from '../../platform/process/index.js';
import { musterCommand } from '../up/lab-places.js';
import { type MemoryPeak, watchMemory } from './memory-watch.js';
import type { SwarmOptions } from './swarm-options.js';
import { SWARM_NET, SwarmWorld } from './swarm-world.js';
import type { SwarmOrder } from './run-machines.js';
import type { SwarmTally } from './tally.js';

export interface SwarmReport extends SwarmTally {
  /** Machines that the server knows afterwards, and those of them whose facts it has. */
  known: number;
  withFacts: number;
  serverMemory: MemoryPeak;
}

const machineList = z.array(machinesRoutes.list.response.shape.items.element);

/** A swarm against a server of its own, from start to end; nothing of it is left. */
export async function runSwarm(
  options: SwarmOptions,
  places: { name: string; dir: string },
  tell: (text: string) => void,
): Promise<SwarmReport> {
  tell('starting a server in a network of its own');
  const world = await SwarmWorld.create(places.name, places.dir);
  try {
    const memoryPeak = await watchMemory(world.namespace);
    tell(`${options.machines} machines, ${options.rate} a second`);
    const tally = await simulate(options, places.name);
    const serverMemory = memoryPeak();
    tell('asking the server what it knows');
    const machines = machineList.parse(JSON.parse(await world.command('machines', 'list', '--json')));
    const withFacts = machines.filter((machine) => machine.cores !== null).length;
    // More records than machines: some machine was enlisted twice.
    const doubled = tally.doubled + Math.max(0, machines.length - options.machines);
    return { ...tally, doubled, known: machines.length, withFacts, serverMemory };
  } finally {
    await SwarmWorld.remove(places.name, places.dir);
  }
}

async function simulate(options: SwarmOptions, name: string): Promise<SwarmTally> {
  const order: SwarmOrder = {
    machines: options.machines,
    rate: options.rate,
    wholeBootFiles: options.wholeBootFiles ?? options.machines,
    relayAddress: SWARM_NET.relay,
    serverAddress: SWARM_NET.server,
  };
  const program = [...musterCommand({ busy: true }), 'lab', 'swarm-machines', JSON.stringify(order)];
  const { stdout } = await runProcess(execIn(SwarmWorld.machinesNamespace(name), program));
  return JSON.parse(stdout) as SwarmTally;
}

export function swarmPlaces(pid: number, temporaryDir: string): { name: string; dir: string } {
  return { name: `muster-swarm-${pid}`, dir: join(temporaryDir, `muster-swarm-${pid}`) };
}

/** For people. */
export function describeSwarm(report: SwarmReport): string {
  const { retries, serverMemory } = report;
  const parts = Object.entries(report.parts).map(
    ([part, { p50Seconds, p99Seconds }]) => `  ${part.padEnd(10)} ${seconds(p50Seconds)} ${seconds(p99Seconds)}`,
  );
  return [
    `served ${report.served} of ${report.machines} in ${report.totalSeconds.toFixed(1)} s; lost ${report.lost}, doubled ${report.doubled}`,
    `the server knows ${report.known} machines, ${report.withFacts} with facts`,
    `retries: DHCP ${retries.dhcp}, TFTP ${retries.tftp}, HTTP ${retries.http}; whole boot files: ${report.bootFilesWhole}`,
    `a boot: median ${report.p50Seconds.toFixed(2)} s, 99th percentile ${report.p99Seconds.toFixed(2)} s`,
    `  part           p50       p99`,
    ...parts,
    `server memory at most ${serverMemory.rssMegabytes.toFixed(0)} MB: ${serverMemory.processes.map((each) => `${each.name} ${each.rssMegabytes.toFixed(0)}`).join(', ')}`,
    ...report.failures.map(({ count, example }) => `failed ${count} times: ${example}`),
  ].join('\n');
}

const seconds = (value: number) => `${value.toFixed(3)} s`.padStart(9);
