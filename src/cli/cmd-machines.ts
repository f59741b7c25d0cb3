import { Option } from 'commander';
import { machinesRoutes, machineState, type Machine } from '../api/contract/index.js';
import { registerBootLog } from './cmd-machines-boot-log.js';
import { registerMachineEvents } from './cmd-machines-events.js';
import { registerOperations } from './cmd-machines-operate.js';
import { showMachine } from './cmd-machines-show.js';
import { machineRow } from './cmd-status.js';
import type { CliContext, Register } from './context.js';
import { table } from './format.js';
import { collect, collectPair } from './options.js';

/** `muster machines`: the inventory. */
export const registerMachines: Register = (program, context) => {
  const machines = program.command('machines').alias('machine').summary('the inventory, and what is done to machines');
  registerList(machines, context);
  registerDeclare(machines, context);
  registerDescribe(machines, context);
  registerOperations(machines, context);
  registerBootLog(machines, context);
  registerMachineEvents(machines, context);
};

const registerList: Register = (machines, context) => {
  machines
    .command('list', { isDefault: true })
    .summary('show machines')
    .addOption(new Option('--state <state>').choices(machineState.options))
    .option('--pool <pool>')
    .option('--zone <zone>')
    .option('--tag <tag>')
    .action(async (options: { state?: Machine['state']; pool?: string; zone?: string; tag?: string }) => {
      const items = await listAll(context, options);
      context.show(items, () =>
        table(
          ['machine', 'state', 'power', 'address', 'hardware', 'deployment', 'pool', 'zone', 'tags'],
          items.map((machine) => [...machineRow(machine), machine.pool, machine.zone, machine.tags.join(',')]),
        ),
      );
    });
  machines
    .command('show <machine>')
    .summary('show one machine; --json with all its facts')
    .action((machine: string) => showMachine(context, machine));
};

async function listAll(context: CliContext, filter: object): Promise<Machine[]> {
  const all: Machine[] = [];
  let cursor: string | undefined;
  do {
    const page = await context.api.call(machinesRoutes.list, { query: { ...filter, limit: 500, cursor } });
    all.push(...page.items);
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  return all;
}

interface DeclareOptions {
  power: string;
  parameter?: Record<string, string>;
  mac?: string[];
  uuid?: string;
  arch?: string;
  pool?: string;
  zone?: string;
  tag?: string[];
}

const registerDeclare: Register = (machines, context) => {
  machines
    .command('declare <name>')
    .summary('record a machine by its power address, before it was ever seen')
    .requiredOption('--power <driver>', 'qemu, ipmi, redfish, wake-on-lan, webhook, manual')
    .option('-p, --parameter <key=value>', 'of the power driver; may be repeated', collectPair)
    .option('--mac <mac>', 'where it is known; may be repeated', collect)
    .option('--uuid <uuid>', 'where it is known')
    .option('--arch <arch>', 'amd64, arm64')
    .option('--pool <pool>', 'resource pool')
    .option('--zone <zone>', 'availability zone')
    .option('--tag <tag>', 'may be repeated', collect)
    .addHelpText(
      'after',
      `
Examples:
  muster machines declare n1 --power ipmi -p host=10.0.0.9 -p user=admin -p password=@/root/n1.password
  muster machines declare n2 --power redfish -p url=https://10.0.0.10 -p user=root -p password=-
A value @FILE is read from the file, and - from standard input, so that no secret stands in the list of processes.`,
    )
    .action(async (name: string, options: DeclareOptions) => {
      const parameters = await openParameters(context, options.parameter ?? {});
      const { mac: macs, uuid, arch: architecture, pool, zone, tag: tags } = options;
      const body = { name, power: { driver: options.power, parameters }, macs, uuid, architecture, pool, zone, tags };
      const machine = await context.api.call(machinesRoutes.declare, { body });
      context.show(machine, () => `${machine.name} is declared; muster machines commission ${machine.name}`);
    });
  machines
    .command('set-power <machine>')
    .summary('change how a machine is switched')
    .requiredOption('--power <driver>', 'qemu, ipmi, redfish, wake-on-lan, webhook, manual')
    .option('-p, --parameter <key=value>', 'of the power driver; may be repeated', collectPair)
    .action(async (machine: string, options: DeclareOptions) => {
      const parameters = await openParameters(context, options.parameter ?? {});
      await update(context, machine, { power: { driver: options.power, parameters } });
    });
};

async function openParameters(context: CliContext, given: Record<string, string>): Promise<Record<string, string>> {
  const opened: Record<string, string> = {};
  for (const [key, value] of Object.entries(given)) opened[key] = await context.openValue(value);
  return opened;
}

const registerDescribe: Register = (machines, context) => {
  machines
    .command('tag <machine> <tags...>')
    .summary('put tags on a machine; -TAG takes one away')
    .addHelpText('after', '\nExample:\n  muster machines tag n1 ssd fast -- -slow')
    .action(async (machine: string, tags: string[]) => {
      const removeTags = tags.filter((tag) => tag.startsWith('-')).map((tag) => tag.slice(1));
      const addTags = tags.filter((tag) => !tag.startsWith('-'));
      await update(context, machine, { addTags, removeTags });
    });
  const words = [
    { command: 'note <machine> <text>', key: 'note', summary: 'write a note on a machine' },
    { command: 'set-pool <machine> <pool>', key: 'pool', summary: 'put a machine into a resource pool' },
    { command: 'set-zone <machine> <zone>', key: 'zone', summary: 'put a machine into an availability zone' },
  ] as const;
  for (const { command, key, summary } of words) {
    machines
      .command(command)
      .summary(summary)
      .action((machine: string, value: string) => update(context, machine, { [key]: value }));
  }
  machines
    .command('delete <machine>')
    .summary('forget a machine; its disks are left as they are')
    .option('-y, --yes', 'do not ask')
    .action(async (machine: string, options: { yes?: boolean }) => {
      await context.confirm(`Forget ${machine}?`, options);
      await context.api.call(machinesRoutes.delete, { params: { machine } });
      context.show({ deleted: machine }, () => `${machine} is forgotten`);
    });
};

async function update(context: CliContext, machine: string, body: Record<string, unknown>): Promise<void> {
  const changed = await context.api.call(machinesRoutes.update, { params: { machine }, body });
  context.show(
    changed,
    () => `${changed.name}: pool ${changed.pool}, zone ${changed.zone}, tags ${changed.tags.join(' ')}`,
  );
}
