import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';

/** One session to store. */
export interface SessionRow {
  readonly token: string;
  /** Connection that holds the session. */
  readonly owner: string;
  readonly userId: string;
  /** State as JSON; undefined: the stored state stays as it is. */
  readonly kept: string | undefined;
  readonly isOpen: boolean;
}

/** Time after the last sign of life of a killed process within which its sessions can be continued, minutes. */
const POD_TIMEOUT_MINUTES = 15;

const WRITE = `
INSERT INTO realtime_sessions AS s (token, owner, pod, user_id, kept, ends_at)
SELECT token, owner, $1, user_id, kept, CASE WHEN NOT is_open THEN now() + $7 * interval '1 ms' END
FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::boolean[]) AS given (token, owner, user_id, kept, is_open)
ON CONFLICT (token) DO UPDATE SET kept = excluded.kept, pod = excluded.pod, ends_at = excluded.ends_at
WHERE s.owner = excluded.owner`;
const END = `
UPDATE realtime_sessions s SET ends_at = now() + $3 * interval '1 ms'
FROM unnest($1::text[], $2::text[]) AS given (token, owner) WHERE s.token = given.token AND s.owner = given.owner`;
const DROP = `
DELETE FROM realtime_sessions s
USING unnest($1::text[], $2::text[]) AS given (token, owner) WHERE s.token = given.token AND s.owner = given.owner`;
const CLAIM = `
UPDATE realtime_sessions s SET owner = $3, pod = $4, ends_at = NULL
WHERE token = $1 AND user_id = $2 AND (ends_at > now() OR (ends_at IS NULL AND (pod = $4 OR EXISTS (
  SELECT FROM realtime_pods p WHERE p.pod = s.pod AND p.seen_at > now() - interval '${POD_TIMEOUT_MINUTES} min'))))
RETURNING kept`;
const SWEEP = `
DELETE FROM realtime_sessions s WHERE ends_at < now() OR (ends_at IS NULL AND NOT EXISTS (
  SELECT FROM realtime_pods p WHERE p.pod = s.pod AND p.seen_at > now() - interval '${POD_TIMEOUT_MINUTES} min'))`;

/**
 * Sessions in the database. Only the connection that holds a session may write it; a claim makes another connection the
 * holder.
 */
@Injectable()
export class SessionStore {
  constructor(private readonly database: Database) {}

  async write(pod: string, rows: readonly SessionRow[], forMs: number): Promise<void> {
    const written = rows.filter(({ kept }) => kept !== undefined && kept !== '');
    const ended = rows.filter(({ kept, isOpen }) => kept === undefined && !isOpen);
    const dropped = rows.filter(({ kept }) => kept === '');
    const of = <K extends keyof SessionRow>(list: readonly SessionRow[], name: K) => list.map((row) => row[name]);
    if (written.length > 0) {
      const columns = (['token', 'owner', 'userId', 'kept', 'isOpen'] as const).map((name) => of(written, name));
      await this.database.query(WRITE, [pod, ...columns, forMs]);
    }
    if (ended.length > 0) await this.database.query(END, [of(ended, 'token'), of(ended, 'owner'), forMs]);
    if (dropped.length > 0) await this.database.query(DROP, [of(dropped, 'token'), of(dropped, 'owner')]);
  }

  /**
   * Makes a connection the holder of the session and returns the session's state; undefined if it is not stored or has
   * expired.
   */
  async claim(pod: string, token: string, userId: string, owner: string): Promise<string | undefined> {
    const row = await this.database.one<{ kept: string }>(CLAIM, [token, userId, owner, pod]);
    return row?.kept;
  }

  /** Records that the process is alive. */
  async recordAlive(pod: string): Promise<void> {
    await this.database.query(
      'INSERT INTO realtime_pods (pod) VALUES ($1) ON CONFLICT (pod) DO UPDATE SET seen_at = now()',
      [pod],
    );
  }

  /** Removes sessions that can no longer be continued. */
  async sweep(): Promise<void> {
    await this.database.query(SWEEP);
    await this.database.query(`DELETE FROM realtime_pods WHERE seen_at < now() - interval '1 day'`);
  }
}
