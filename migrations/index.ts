/** Every migration, oldest first. */
export const MIGRATIONS: (new () => import('typeorm').MigrationInterface)[] = [];
