import { Option, type Command } from 'commander';
import { machinesRoutes, type Run } from '../api/contract/index.js';
import type { CliContext, Register } from './context.js';
import { followRun } from './follow-run.js';
import { plain } from './format.js';
import { collect } from './options.js';
import { readText } from './read-text.js';

interface Waiting {
  detach?: boolean;
}

/** What is done to a machine: each is a run, followed until it ends unless --detach. */
export const registerOperations: Register = (machines, context) => {
  machines
    .command('accept <machine>')
    .summary('let muster own a machine: only then may its disks be written')
    .action(async (machine: string) => {
      const accepted = await context.api.call(machinesRoutes.accept, { params: { machine } });
      context.show(accepted, () => `${accepted.name} is accepted`);
    });
  registerSimple(machines, context);
  registerDeploy(machines, context);
  registerRelease(machines, context);
  registerRescue(machines, context);
  registerBroken(machines, context);
  registerPower(machines, context);
};

const registerSimple: Register = (machines, context) => {
  const simple = [
    { name: 'exit-rescue', summary: 'boot it from its disk again', route: machinesRoutes.exitRescue },
    { name: 'retry', summary: 'go on with the operation that failed', route: machinesRoutes.retry },
  ] as const;
  for (const { name, summary, route } of simple) {
    waiting(machines.command(`${name} <machine>`))
      .summary(summary)
      .action(async (machine: string, options: Waiting) => {
        const { run } = await context.api.call(route, { params: { machine }, body: {} });
        await follow(context, run, options);
      });
  }
  waiting(machines.command('commission <machine>'))
    .summary('take its facts and test its hardware')
    .option('--no-tests', 'its facts alone')
    .action(async (machine: string, options: Waiting & { tests: boolean }) => {
      const body = { tests: options.tests };
      const { run } = await context.api.call(machinesRoutes.commission, { params: { machine }, body });
      await follow(context, run, options);
    });
  waiting(machines.command('test <machine>'))
    .summary('test all its memory and its disks, and bring it back to where it was')
    .addOption(new Option('--only <what>').choices(['memory', 'disk']))
    .action(async (machine: string, options: Waiting & { only?: 'memory' | 'disk' }) => {
      const body = options.only === undefined ? {} : { tests: [options.only] };
      const { run } = await context.api.call(machinesRoutes.test, { params: { machine }, body });
      await follow(context, run, options);
    });
  machines
    .command('abort <machine>')
    .summary('stop what it is doing')
    .action(async (machine: string) => {
      const changed = await context.api.call(machinesRoutes.abort, { params: { machine } });
      context.show(changed, () => `${changed.name} is ${changed.state}`);
    });
};

interface DeployOptions extends Waiting {
  image?: string;
  layout: 'flat' | 'lvm';
  ram?: boolean;
  disk?: string;
  sshKey?: string[];
  userData?: string;
  yes?: boolean;
}

const registerDeploy: Register = (machines, context) => {
  waiting(machines.command('deploy <machine>'))
    .summary('put an operating system on a machine; its disk is overwritten')
    .option('--image <image>', 'debian@12, ubuntu@24.04 (default: what the store has)')
    .addOption(new Option('--layout <layout>', 'of the disk').choices(['flat', 'lvm']).default('flat'))
    .option('--ram', 'run it from memory and leave the disks alone')
    .option('--disk <disk>', 'default: the smallest that is large enough')
    .option('--ssh-key <file>', 'a public key that may log in; may be repeated', collect)
    .option('--user-data <file>', 'for cloud-init, beside what muster gives it: #cloud-config, or a script')
    .option('-y, --yes', 'do not ask')
    .addHelpText(
      'after',
      `
Examples:
  muster machines deploy n1 --image debian@12 --ssh-key ~/.ssh/id_ed25519.pub
  muster machines deploy n1 --layout lvm --user-data web.yaml --yes`,
    )
    .action(async (machine: string, options: DeployOptions) => {
      const toRam = options.ram === true;
      const sshKeys = keysOf(options.sshKey);
      const { image, layout, disk } = options;
      const userData = options.userData === undefined ? undefined : readText(options.userData);
      if (!toRam) await context.confirm(`Overwrite the disk of ${machine}?`, options);
      const body = { image, layout, toRam, disk, sshKeys, userData };
      const { run } = await context.api.call(machinesRoutes.deploy, { params: { machine }, body });
      await follow(context, run, options);
    });
};

const registerRelease: Register = (machines, context) => {
  waiting(machines.command('release <machine>'))
    .summary('take a machine back; its disks are erased')
    .addOption(new Option('--erase <how>').choices(['quick', 'secure', 'full']).default('quick'))
    .option('-y, --yes', 'do not ask')
    .action(async (machine: string, options: Waiting & { erase: 'quick' | 'secure' | 'full'; yes?: boolean }) => {
      await context.confirm(`Erase the disks of ${machine} and take it back?`, options);
      const body = { erase: options.erase };
      const { run } = await context.api.call(machinesRoutes.release, { params: { machine }, body });
      await follow(context, run, options);
    });
};

const registerRescue: Register = (machines, context) => {
  waiting(machines.command('rescue <machine>'))
    .summary('boot a machine into memory for repair, disks untouched')
    .option('--ssh-key <file>', 'a public key that may log in; may be repeated', collect)
    .action(async (machine: string, options: Waiting & { sshKey?: string[] }) => {
      const body = { sshKeys: keysOf(options.sshKey) };
      const { run } = await context.api.call(machinesRoutes.rescue, { params: { machine }, body });
      await follow(context, run, options);
    });
};

const registerBroken: Register = (machines, context) => {
  waiting(machines.command('mark-fixed <machine>'))
    .summary('put it to use again: its disks are erased first')
    .option('-y, --yes', 'do not ask')
    .action(async (machine: string, options: Waiting & { yes?: boolean }) => {
      await context.confirm(`Erase the disks of ${machine} and put it to use again?`, options);
      const { run } = await context.api.call(machinesRoutes.markFixed, { params: { machine }, body: {} });
      await follow(context, run, options);
    });
  machines
    .command('mark-broken <machine>')
    .summary('take a machine out of use')
    .requiredOption('--why <text>', 'is shown with the machine')
    .action(async (machine: string, options: { why: string }) => {
      const body = { why: options.why };
      const changed = await context.api.call(machinesRoutes.markBroken, { params: { machine }, body });
      context.show(changed, () => `${changed.name} is ${changed.state}`);
    });
};

const registerPower: Register = (machines, context) => {
  const power = machines.command('power').summary('switch a machine, or ask whether it is on');
  for (const action of ['on', 'off', 'cycle'] as const) {
    power
      .command(`${action} <machine>`)
      .summary(action === 'cycle' ? 'off, then on' : `switch it ${action}`)
      .option('-y, --yes', 'do not ask')
      .action(async (machine: string, options: { yes?: boolean }) => {
        // What runs on it is cut off, as by pulling the plug.
        if (action !== 'on') await context.confirm(`Cut the power of ${machine}?`, options);
        const { state } = await context.api.call(machinesRoutes.power, { params: { machine }, body: { action } });
        context.show({ state }, () => state);
      });
  }
  power
    .command('status <machine>')
    .summary('ask its power driver')
    .action(async (machine: string) => {
      const status = await context.api.call(machinesRoutes.powerStatus, { params: { machine } });
      context.show(status, () => status.state);
    });
};

function waiting(command: Command): Command {
  return command.option('-d, --detach', 'do not wait for the run');
}

async function follow(context: CliContext, run: Run, options: Waiting): Promise<void> {
  if (options.detach === true) {
    context.show(run, () => `run ${run.id} has begun; muster logs -f ${run.id}`);
    return;
  }
  const ended = await followRun(context, run.id);
  const notes = ended.steps.flatMap(({ note }) => (note === null ? [] : [plain(note)]));
  context.show(ended, () => [`${ended.title}: ${ended.status}`, ...notes].join('\n'));
}

function keysOf(files: readonly string[] | undefined): string[] {
  return (files ?? []).map((file) => readText(file).trim());
}
