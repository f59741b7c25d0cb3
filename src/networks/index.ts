export { LeaseBook, type LeaseBookOptions } from './lease-book.js';
export type { LeaseEntity } from './lease.entity.js';
export { leaseKey, type Lease, type LeaseClient, type LeaseState } from './lease.js';
export { LeaseService } from './lease.service.js';
export type { Grant } from './lease-table.js';
export { NetworksModule } from './networks.module.js';
export type { ReservationEntity } from './reservation.entity.js';
export { ReservationService, type ReservationInput } from './reservation.service.js';
export { bootSnippet, SNIPPET_KINDS, type SnippetKind, type SnippetServer } from './snippets.js';
export type { SubnetEntity } from './subnet.entity.js';
export { subnetFrom } from './subnet-from-entity.js';
export type { SubnetInput } from './subnet-rules.js';
export { SubnetService } from './subnet.service.js';
export {
  SUBNET_MODES,
  UNKNOWN_MACHINES,
  type Reservation,
  type Subnet,
  type SubnetMode,
  type UnknownMachines,
} from './subnet.js';
