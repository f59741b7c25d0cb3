import { Option, type Command } from 'commander';
import { subnetsRoutes, type Subnet } from '../api/contract/index.js';
import type { CliContext, Register } from './context.js';
import { duration, fields, table } from './format.js';
import { collect, wholeNumber } from './options.js';

type Mode = Subnet['mode'];

interface SubnetOptions {
  gateway?: string;
  dns?: string[];
  mode?: Mode;
  range?: string[];
  reserve?: string[];
  vlan?: number;
  lease?: number;
  space?: string;
  unknown?: Subnet['unknownMachines'];
}

/** `muster subnets`: where machines boot, and what DHCP does there. */
export const registerSubnets: Register = (program, context) => {
  const subnets = program.command('subnets').alias('subnet').summary('where machines boot, and what DHCP does there');
  subnets
    .command('list', { isDefault: true })
    .summary('show subnets')
    .action(async () => {
      const { items } = await context.api.call(subnetsRoutes.list, {});
      const rows = items.map((net) => [
        net.name,
        net.cidr,
        net.mode,
        net.gateway,
        net.dynamicRanges.join(' '),
        net.space,
      ]);
      context.show(items, () => table(['subnet', 'network', 'DHCP', 'gateway', 'ranges', 'space'], rows));
    });
  registerShow(subnets, context);
  withSettings(subnets.command('create <name> <cidr>'))
    .summary('make a subnet known')
    .addHelpText(
      'after',
      '\nExample:\n  muster subnets create rack1 10.1.0.0/24 --mode serve --range 10.1.0.50-10.1.0.99 --gateway 10.1.0.1 --space dmz',
    )
    .action(async (name: string, cidr: string, options: SubnetOptions) => {
      const subnet = await context.api.call(subnetsRoutes.create, { body: { name, cidr, ...settingsOf(options) } });
      context.show(subnet, () => subnetText(subnet));
    });
  withSettings(subnets.command('set <subnet>'))
    .summary('change a subnet')
    .action(async (subnet: string, options: SubnetOptions) => {
      const changed = await context.api.call(subnetsRoutes.update, { params: { subnet }, body: settingsOf(options) });
      context.show(changed, () => subnetText(changed));
    });
  subnets
    .command('delete <subnet>')
    .summary('forget a subnet with its leases and reservations')
    .option('-y, --yes', 'do not ask')
    .action(async (subnet: string, options: { yes?: boolean }) => {
      await context.confirm(`Forget ${subnet} with its leases and reservations?`, options);
      await context.api.call(subnetsRoutes.delete, { params: { subnet } });
      context.show({ deleted: subnet }, () => `${subnet} is forgotten`);
    });
};

function registerShow(subnets: Command, context: CliContext): void {
  subnets
    .command('show <subnet>')
    .summary('show a subnet; --snippet prints what another DHCP server needs')
    .addOption(new Option('--snippet <server>', 'for the DHCP server that is there').choices(['kea', 'isc', 'dnsmasq']))
    .action(async (subnet: string, options: { snippet?: 'kea' | 'isc' | 'dnsmasq' }) => {
      if (options.snippet !== undefined) {
        const query = { for: options.snippet };
        const snippet = await context.api.call(subnetsRoutes.snippet, { params: { subnet }, query });
        context.show(snippet, () => snippet.text);
        return;
      }
      const found = await context.api.call(subnetsRoutes.show, { params: { subnet } });
      context.show(found, () => subnetText(found));
    });
}

function withSettings(command: Command): Command {
  return command
    .option('--gateway <address>')
    .option('--dns <address>', 'may be repeated', collect)
    .addOption(
      new Option('--mode <mode>', 'give addresses, stand beside another server, or keep silent').choices([
        'serve',
        'proxy',
        'off',
      ]),
    )
    .option('--range <first-last>', 'addresses to give; may be repeated', collect)
    .option('--reserve <first-last>', 'addresses not to give; may be repeated', collect)
    .option('--vlan <number>', 'VLAN id', wholeNumber)
    .option('--lease <seconds>', 'lease time', wholeNumber)
    .option('--space <space>', 'what bundles call it in `spaces=`; "" takes it out of its space')
    .addOption(
      new Option('--unknown <what>', 'what a machine that nobody knows is answered').choices([
        'enlist',
        'menu',
        'ignore',
      ]),
    );
}

function settingsOf(options: SubnetOptions) {
  const { gateway, dns, mode, vlan } = options;
  const space = options.space === '' ? null : options.space;
  const { range: dynamicRanges, reserve: reservedRanges, lease: leaseSeconds, unknown: unknownMachines } = options;
  return { gateway, dns, mode, dynamicRanges, reservedRanges, vlan, leaseSeconds, space, unknownMachines };
}

function subnetText(subnet: Subnet): string {
  return fields([
    ['subnet', subnet.name],
    ['network', subnet.cidr],
    ['DHCP', subnet.mode],
    ['gateway', subnet.gateway],
    ['DNS', subnet.dns.join(' ')],
    ['ranges', subnet.dynamicRanges.join(' ')],
    ['reserved', subnet.reservedRanges.join(' ')],
    ['lease', duration(subnet.leaseSeconds)],
    ['VLAN', subnet.vlan],
    ['space', subnet.space],
    ['unknown machines', subnet.unknownMachines],
    ['id', subnet.id],
  ]);
}
