import { tmpdir } from 'node:os';
import type { Command } from 'commander';
import { runMachines, swarmOrder } from './run-machines.js';
import { describeSwarm, runSwarm, swarmPlaces } from './swarm.js';
import { readSwarmOptions } from './swarm-options.js';

/** `muster lab swarm`: thousands of machines that are there on the wire alone. */
export function registerSwarm(lab: Command, print: (text: string) => void): void {
  lab
    .command('swarm')
    .summary('simulated machines boot from a server of their own, all the way to stored facts')
    .description(
      `Starts a server in a network of its own, with its own datastores, and lets simulated machines boot from it through
a relay agent: DHCP as firmware, the boot file by TFTP, DHCP as iPXE, the boot script, the authority's certificate, the
nonce for a session, the facts order, three reports and the facts. Kernel and initrd are not fetched; a machine keeps
its HTTPS connection. Exit code 0 when all were served and none twice.`,
    )
    .option('--machines <number>', 'how many (default: 1000)')
    .option('--rate <number>', 'begun per second (default: 100)')
    .option(
      '--whole-boot-files <number>',
      'so many fetch the boot file whole, the others learn its size (default: all)',
    )
    .option('--json', 'the report as JSON')
    .addHelpText('after', '\nExample:\n  npm run lab -- swarm --machines 10000 --rate 100')
    .action(async (given: Record<string, unknown>) => {
      const options = readSwarmOptions(given);
      const tell = (text: string) => process.stderr.write(`${text}\n`);
      const report = await runSwarm(options, swarmPlaces(process.pid, tmpdir()), tell);
      print(options.json ? JSON.stringify(report) : describeSwarm(report));
      const whole = report.served === options.machines && report.withFacts === options.machines && report.doubled === 0;
      process.exitCode = whole ? 0 : 1;
    });

  lab.command('swarm-machines <order>', { hidden: true }).action(async (order: string) => {
    print(JSON.stringify(await runMachines(swarmOrder.parse(JSON.parse(order)))));
  });
}
