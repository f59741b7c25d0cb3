import { Deployments1790000006000 } from './1790000006000-deployments.js';

/** Every migration, oldest first. */
export const MIGRATIONS: (new () => import('typeorm').MigrationInterface)[] = [Deployments1790000006000];
