import type { MigrationInterface } from 'typeorm';
import { Images1790000004000 } from './1790000004000-images.js';
import { Access1790000005000 } from './1790000005000-access.js';
import { Deployments1790000006000 } from './1790000006000-deployments.js';

/** Every migration, oldest first. */
export const MIGRATIONS: (new () => MigrationInterface)[] = [
  Images1790000004000,
  Access1790000005000,
  Deployments1790000006000,
];
