import { leasesRoutes, reservationsRoutes } from '../api/contract/index.js';
import type { Register } from './context.js';
import { age, table } from './format.js';

/** `muster leases` and `muster reservations`. */
export const registerLeases: Register = (program, context) => {
  program
    .command('leases')
    .summary('who has which address')
    .option('--subnet <subnet>')
    .action(async (options: { subnet?: string }) => {
      const { items } = await context.api.call(leasesRoutes.list, { query: { subnet: options.subnet, limit: 500 } });
      const now = new Date();
      const rows = items.map((lease) => [
        lease.address,
        lease.mac,
        lease.hostname,
        lease.state,
        age(lease.expiresAt, now),
        lease.subnet,
      ]);
      context.show(items, () => table(['address', 'MAC', 'host', 'state', 'ends', 'subnet'], rows));
    });

  const reservations = program.command('reservations').summary('addresses kept for one client each');
  reservations
    .command('list', { isDefault: true })
    .summary('show reservations')
    .option('--subnet <subnet>')
    .action(async (options: { subnet?: string }) => {
      const query = { subnet: options.subnet, limit: 500 };
      const { items } = await context.api.call(reservationsRoutes.list, { query });
      const rows = items.map((kept) => [kept.address, kept.mac ?? kept.clientId, kept.hostname, kept.subnet, kept.id]);
      context.show(items, () => table(['address', 'client', 'host', 'subnet', 'id'], rows));
    });
  reservations
    .command('create <subnet> <address>')
    .summary('give one client always the same address')
    .option('--mac <mac>')
    .option('--client-id <hex>', 'DHCP option 61')
    .option('--hostname <name>')
    .addHelpText('after', '\nExample:\n  muster reservations create rack1 10.1.0.9 --mac 52:54:00:12:34:56')
    .action(
      async (subnet: string, address: string, options: { mac?: string; clientId?: string; hostname?: string }) => {
        const kept = await context.api.call(reservationsRoutes.create, { body: { subnet, address, ...options } });
        context.show(kept, () => `${kept.address} is kept for ${kept.mac ?? kept.clientId ?? ''}`);
      },
    );
  reservations
    .command('delete <id>')
    .summary('remove a reservation')
    .action(async (reservation: string) => {
      await context.api.call(reservationsRoutes.delete, { params: { reservation } });
      context.show({ deleted: reservation }, () => 'removed');
    });
};
