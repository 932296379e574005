import type { Pool } from 'pg';
import { AlertEvaluation } from '../../../src/alerts/evaluation/alert-evaluation.js';
import type { TestApp } from './create-test-app.js';
import { waitFor } from '../wait-for.js';

const SHARDS = 4;

/** Waits until every shard of the rules is loaded in this application. */
export async function shardsReady(app: TestApp): Promise<void> {
  const evaluation = app.nest.get(AlertEvaluation);
  await waitFor(() => evaluation.readyShards === SHARDS, { what: 'all shards', timeoutMs: 20_000 });
}

/** Waits until every committed edit of a rule has been applied by the process that evaluates its shard. */
export async function editsApplied(pool: Pool): Promise<void> {
  await waitFor(
    async () => {
      const { rows } = await pool.query<{ waiting: number }>('SELECT count(*)::int AS waiting FROM alert_rule_edits');
      return rows[0]?.waiting === 0;
    },
    { what: 'all edits', timeoutMs: 20_000 },
  );
}

/** Waits until the evaluators' stored positions include everything that was committed before. */
export async function logEvaluated(pool: Pool): Promise<void> {
  await waitFor(
    async () => {
      const { rows } = await pool.query<{ waiting: boolean }>('SELECT EXISTS (SELECT FROM change_outbox) AS waiting');
      return rows[0]?.waiting === false;
    },
    { what: 'an empty outbox', timeoutMs: 30_000 },
  );
  const { rows } = await pool.query<{ head: number }>('SELECT head_seq::float8 AS head FROM event_log_bounds()');
  const head = rows[0]?.head ?? 0;
  await waitFor(
    async () => {
      const { rows: slowest } = await pool.query<{ seq: number }>(
        `SELECT min(seq)::float8 AS seq FROM log_readers WHERE name LIKE 'alerts:%'`,
      );
      return (slowest[0]?.seq ?? 0) >= head;
    },
    { what: `position ${head}`, timeoutMs: 30_000 },
  );
}
