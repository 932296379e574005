import type { MigrationInterface } from 'typeorm';

/** All migrations, oldest first. Named one by one, so that tests and builds run the same list. */
export const migrations: (new () => MigrationInterface)[] = [];
