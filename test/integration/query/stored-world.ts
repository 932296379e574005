import type { Pool } from 'pg';
import { HistoryStore } from '../../../src/events/history/history-store.js';
import type { Point, Series } from './naive-rows.js';
import { WRITTEN_UP_TO, type StoredWorld } from './query-world.js';

type Metric = 'tvl' | 'price';
type Written = Point & { metric: Metric; series: Series };

/**
 * Writes a world into the tables, in place of the previous one. `beforeLast` runs when only the late values are missing.
 */
export async function store(
  pool: Pool,
  world: StoredWorld,
  rollUp: () => Promise<unknown>,
  beforeLast?: () => Promise<unknown>,
): Promise<void> {
  await pool.query(
    `TRUNCATE metric_series, metric_points, metric_hourly, metric_daily, history_dirty, protocol_tvl, protocols,
     token_prices, event_log, log_readers, change_outbox`,
  );
  await insert(pool, 'log_readers', [{ name: 'history', epoch: 'e1', seq: WRITTEN_UP_TO * 3 }]);
  await insert(
    pool,
    'protocols',
    [...world.protocols].map(([slug, row]) => ({ slug, ...row })),
  );
  await insert(
    pool,
    'protocol_tvl',
    held(world.tvl).map(({ subject, chain, current, observation }) => ({
      protocol: subject,
      chain,
      tvl: current,
      ...observation,
    })),
  );
  await insert(
    pool,
    'token_prices',
    held(world.prices).map(({ subject, current, observation }) => ({
      ...world.tokens.get(subject),
      token: subject,
      price: current,
      ...observation,
    })),
  );
  await insert(
    pool,
    'event_log',
    world.log.map(({ event_type: type, ...row }) => ({ epoch: 'e1', captured_at: row.logged_at, type, ...row })),
  );
  const points = [...written('tvl', world.tvl), ...written('price', world.prices)];
  await insert(pool, 'metric_series', [...known('tvl', world.tvl), ...known('price', world.prices)]);
  for (const round of [0, 1, 2] as const) {
    if (round === 2) await beforeLast?.();
    await addPoints(
      pool,
      points.filter((point) => point.round === round),
    );
    if (round < 2) await rollUp();
  }
}

const held = (all: readonly Series[]) => all.filter(({ current }) => current !== undefined);
const written = (metric: Metric, all: readonly Series[]): Written[] =>
  all.flatMap((series) => series.points.map((point) => ({ ...point, metric, series })));

/** Values that are only in the log have no series yet. */
const known = (metric: Metric, all: readonly Series[]) =>
  all
    .filter(({ points }) => points.length === 0 || points.some(({ round }) => round < 3))
    .map(({ subject, chain }) => ({ metric, subject, chain }));

async function addPoints(pool: Pool, points: readonly Written[]): Promise<void> {
  const tx = await pool.connect();
  try {
    const given = points.map(({ metric, series: { subject, chain }, ...point }) => ({
      metric,
      subject,
      chain,
      ...point,
    }));
    await new HistoryStore().write(tx, given);
  } finally {
    tx.release();
  }
}

/** Times in the tables are finer than in answers. */
function stored(_name: string, value: unknown): unknown {
  return typeof value === 'string' && /^\d{4}-.*\.\d{3}Z$/.test(value) ? value.replace('Z', '456Z') : value;
}

async function insert(pool: Pool, table: string, rows: readonly object[]): Promise<void> {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  if (columns.length === 0) return;
  await pool.query(
    `INSERT INTO ${table} (${columns.join(', ')}) SELECT ${columns.join(', ')} FROM jsonb_populate_recordset(NULL::${table}, $1)`,
    [JSON.stringify(rows, stored)],
  );
}
