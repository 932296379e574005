import type { MigrationInterface } from 'typeorm';
import { Capture1790000001000 } from './1790000001000-capture.js';

/** All migrations, oldest first. Named one by one, so that tests and builds run the same list. */
export const migrations: (new () => MigrationInterface)[] = [Capture1790000001000];
