import { Module } from '@nestjs/common';
import { LeaseService } from './lease.service.js';
import { ReservationService } from './reservation.service.js';
import { SubnetService } from './subnet.service.js';

/** Subnets, reservations and the record of leases. What answers packets is the lease book, opened by the boot role. */
@Module({
  providers: [SubnetService, ReservationService, LeaseService],
  exports: [SubnetService, ReservationService, LeaseService],
})
export class NetworksModule {}
