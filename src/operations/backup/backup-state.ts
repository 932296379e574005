import type { Database } from '../../platform/database/database.js';

/** Last success of a kind of backup. */
export interface BackupSuccess {
  readonly kind: 'base' | 'wal';
  /** Time up to which everything is stored, Unix ms. */
  readonly reached: number;
  /** Size of the copied files; 0 for the log. */
  readonly bytes: number;
}

/** Records a success, from which the metrics of ages are made; an older one replaces nothing. */
export async function recordBackup(database: Database, { kind, reached, bytes }: BackupSuccess): Promise<void> {
  await database.query(RECORD, [kind, reached, bytes]);
}

const RECORD = `INSERT INTO backup_state (kind, reached, bytes) VALUES ($1, to_timestamp($2 / 1000.0), $3)
  ON CONFLICT (kind) DO UPDATE SET reached = excluded.reached, bytes = excluded.bytes
    WHERE backup_state.reached < excluded.reached`;

/** Returns the last success of each kind that has one. */
export async function readBackupState(database: Database): Promise<BackupSuccess[]> {
  return database.query<BackupSuccess & Record<string, unknown>>(READ);
}

const READ = `SELECT kind, floor(extract(epoch FROM reached) * 1000)::bigint AS reached, bytes FROM backup_state`;
