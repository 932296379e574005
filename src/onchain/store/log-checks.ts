import type { Database } from '../../platform/database/database.js';

/** Kinds of checks: of the newest blocks, and of the last 24 hours. */
export type CheckKind = 'recent' | 'daily';

/** State of a followed chain, as far as checks depend on it. */
export interface CheckPlan {
  readonly head: number;
  /** Time of the newest block, Unix milliseconds. */
  readonly headAt: number;
  /** Time since the last check, ms; a year or more if there was none. */
  readonly recentAgeMs: number;
  readonly dailyAgeMs: number;
  /** Whether a contract's state is being projected anew. */
  readonly isRebuilding: boolean;
}

/** Reads the plan of a chain; undefined if it is paused or stopped, or has no block yet. */
export async function readCheckPlan(database: Database, chain: number): Promise<CheckPlan | undefined> {
  return database.one<CheckPlan & Record<string, unknown>>(
    `SELECT h.head_number AS head, h.head_ms AS "headAt", ${ageOf('recent')} AS "recentAgeMs", ${ageOf('daily')} AS "dailyAgeMs",
       EXISTS (SELECT FROM onchain_contracts c WHERE c.chain = h.id AND c.shadow_of IS NOT NULL) AS "isRebuilding"
     FROM onchain_chains h WHERE h.id = $1 AND h.state IN ('backfilling', 'following') AND h.head_ms IS NOT NULL`,
    [chain],
  );
}

const ageOf = (kind: CheckKind): string => `coalesce((SELECT extract(epoch FROM clock_timestamp() - k.checked_at) * 1000
  FROM onchain_checks k WHERE k.chain = h.id AND k.kind = '${kind}'), 31536000000)::float8`;

/** Notes the end of a check; `omitted` and `healed` are added to the totals. */
export async function finishCheck(
  database: Database,
  chain: number,
  kind: CheckKind,
  { omitted, healed }: { readonly omitted: number; readonly healed: number },
): Promise<void> {
  await database.query(
    `INSERT INTO onchain_checks AS k (chain, kind, checked_at, omitted, healed) VALUES ($1, $2, clock_timestamp(), $3, $4)
     ON CONFLICT (chain, kind) DO UPDATE SET checked_at = excluded.checked_at, omitted = k.omitted + excluded.omitted,
       healed = k.healed + excluded.healed`,
    [chain, kind, omitted, healed],
  );
}
