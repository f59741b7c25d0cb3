import { LeaseEntity } from './lease.entity.js';
import { ReservationEntity } from './reservation.entity.js';
import { SubnetOwnerEntity } from './subnet-owner.entity.js';
import { SubnetEntity } from './subnet.entity.js';

/** For the data source: every entity of this room. */
export const NETWORK_ENTITIES = [SubnetEntity, ReservationEntity, LeaseEntity, SubnetOwnerEntity];
