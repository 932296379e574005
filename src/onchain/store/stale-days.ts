import type { ClientBase } from 'pg';

/**
 * Lets the calculated days from a time on, Unix ms, be calculated again: the intervals or rules that they come from have changed.
 * A calculation under way does not count: the version that is noted is none that its snapshot has seen.
 */
export async function markDaysStale(tx: ClientBase, from: number): Promise<void> {
  await tx.query(
    `WITH state AS (UPDATE onchain_points_state SET version = version + 1 RETURNING version)
     UPDATE onchain_days SET stale_since = state.version FROM state
     WHERE day >= (to_timestamp($1::float8 / 1000) AT TIME ZONE 'UTC')::date`,
    [from],
  );
}
