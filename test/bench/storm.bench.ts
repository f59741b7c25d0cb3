import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeSwarm, runSwarm, type SwarmReport } from '../../src/lab/index.js';

/** Begun per second: ten thousand within a hundred seconds leave twenty for the last of them. */
const RATE = 100;
const LOADS = [1000, 10_000];
const GOAL = { seconds: 120, memoryMegabytes: 512 };

/** Machines that all boot at once, as after a power cut: `muster lab swarm` against a server of its own. */
export const bench = {
  name: 'storm',
  async run(say: (line: string) => void) {
    const reports: SwarmReport[] = [];
    for (const machines of LOADS) {
      const name = `muster-storm-${process.pid}`;
      const report = await runSwarm({ machines, rate: RATE, json: true }, { name, dir: join(tmpdir(), name) }, say);
      say(describeSwarm(report));
      reports.push(report);
    }
    const load =
      `Simulated machines, ${RATE} begun a second, through a relay: DHCP twice, the boot file by TFTP, script, session, ` +
      `facts order, three reports, facts; kernel and initrd are not fetched, a machine keeps its HTTPS connection. ` +
      `Server, datastores and machines share ${cpus().length} cores.`;
    return { load, results: reports.map(rowOf), goals: goalsOf(reports.at(-1)!) };
  },
};

function rowOf(report: SwarmReport): Record<string, string | number> {
  const { retries, serverMemory } = report;
  return {
    machines: report.machines,
    served: report.served,
    lost: report.lost,
    doubled: report.doubled,
    'with facts': report.withFacts,
    seconds: report.totalSeconds,
    'p50 s': report.p50Seconds,
    'p99 s': report.p99Seconds,
    'retries DHCP/TFTP/HTTP': `${retries.dhcp}/${retries.tftp}/${retries.http}`,
    'whole boot files': report.bootFilesWhole,
    'server MB': serverMemory.rssMegabytes,
    'of which': serverMemory.processes.map((each) => `${each.name} ${each.rssMegabytes}`).join(', '),
  };
}

/** Each is met by a value that is at least its target. */
function goalsOf(report: SwarmReport) {
  const { machines, totalSeconds, lost, doubled, withFacts, serverMemory } = report;
  const secondsLeft = GOAL.seconds - totalSeconds;
  const megabytesLeft = GOAL.memoryMegabytes - serverMemory.rssMegabytes;
  const goal = (text: string, value: number, target: number) => ({ goal: text, value, target, met: value >= target });
  return [
    goal('machines served, none lost', machines - lost, machines),
    goal('machines served once, none doubled', machines - doubled, machines),
    goal('machines whose facts are kept', withFacts, machines),
    goal(`seconds left of ${GOAL.seconds}`, Math.round(secondsLeft * 10) / 10, 0),
    goal(`MB of memory left of ${GOAL.memoryMegabytes}`, Math.round(megabytesLeft), 0),
  ];
}
