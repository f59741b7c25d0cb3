import type { Command } from 'commander';
import { inheritedEnvironment } from '../platform/config/index.js';
import { Rack } from './rack/rack.js';
import type { RackMachine } from './rack/machine-spec.js';
import { registerSwarm } from './swarm/swarm.command.js';
import { readLabOptions } from './up/lab-options.js';
import { labPlaces } from './up/lab-places.js';
import { bringLabUp, takeLabDown } from './up/lab-up.js';
import { startPackageGateway } from './up/package-gateway.js';

/** `muster lab`: the virtual rack. */
export function registerLab(program: Command): void {
  const lab = program.command('lab').summary('a virtual rack on this computer, to try muster on');
  const places = labPlaces(inheritedEnvironment());

  lab
    .command('up', { isDefault: true })
    .summary('make machines, start a server beside them, and bring a bundle up')
    .option('--machines <number>', 'how many (default: 2)')
    .option('--firmware <kind>', 'bios, uefi or mixed (default: mixed)')
    .option('--boot <method>', 'how UEFI machines boot: pxe or http (default: pxe)')
    .option('--secure-boot', 'UEFI firmware that starts signed programs alone')
    .option('--arch <arch>', 'amd64')
    .option('--bundle <bundle>', 'a shipped one, a file, or none: machines that are off (default: lxd-fan)')
    .option('--cores <number>', 'of each machine (default: 1, or what the bundle needs)')
    .option('--memory <MiB>', 'of each machine (default: 1024, or what the bundle needs)')
    .option('--disk <GiB>', 'of each machine (default: 8, or what the bundle needs)')
    .option('--overlay <file>', 'to lay over the bundle; may be given several times', collect, [])
    .option('--artifacts <folder>', 'where artifacts are, by host and path, instead of on the Internet')
    .option('--keep', 'use the lab that is there, rather than a new one')
    .addHelpText('after', '\nExamples:\n  npm run lab\n  npm run lab -- --machines 1 --firmware uefi --bundle ubuntu')
    .action(async (given: Record<string, unknown>) => {
      process.exitCode = await bringLabUp(readLabOptions(given), places, print);
    });

  lab
    .command('down')
    .summary('remove every trace of the lab')
    .action(async () => {
      print((await takeLabDown(places)) ? 'the lab is gone' : 'there is no lab');
    });

  lab
    .command('status')
    .summary('say what there is; exit code 1 when there is no lab')
    .action(async () => {
      if (Rack.existsIn(places.dir)) print(await describe(Rack.open(places.dir)));
      else {
        print('there is no lab');
        process.exitCode = 1;
      }
    });

  registerSwarm(lab, print);

  lab.command('package-gateway <socket>', { hidden: true }).action(async (socket: string) => {
    await startPackageGateway(socket);
  });
}

async function describe(rack: Rack): Promise<string> {
  // Only here: `muster serve` has this file in its memory too.
  const { QemuPowerDriver } = await import('../power/index.js');
  const power = new QemuPowerDriver();
  const machineLine = async (machine: RackMachine) => {
    const target = { machineId: machine.name, driver: power.name, parameters: { socket: machine.socket } };
    const state = await power.status(target, AbortSignal.timeout(5_000)).catch(() => 'gone');
    return `  ${machine.name.padEnd(10)} ${machine.firmware} ${machine.mac} ${state}`;
  };
  return [
    `namespace ${rack.namespace}, folder ${rack.dir}`,
    'machines:',
    ...(await Promise.all(rack.machines.map(machineLine))),
    'processes:',
    ...rack.processes.map((each) => `  ${String(each.pid).padEnd(10)} ${each.what}${each.alive ? '' : ' (ended)'}`),
  ].join('\n');
}

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
