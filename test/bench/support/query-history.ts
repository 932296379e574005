import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Client } from 'pg';
import type { BenchContext } from './bench-context.js';
import { waitFor } from '../../support/wait-for.js';

const ROOT = join(import.meta.dirname, '../../..');
const DAY_MS = 86_400_000;
/** Number of recorded days, with one value per series every five minutes. */
const DAYS = 42;
/** Age up to which a data set is reused: the app would soon delete the first week of raw values of an older one. */
const OLDEST_DAYS = 10;
/** Number of days for which the app keeps raw values: all of them. */
export const RAW_DAYS = DAYS + 2 * OLDEST_DAYS;
const CHAINS_PER_PROTOCOL = 4;
/** Twelve chains: their hours in 30 days are within the maximum number of groups of an answer. */
const CHAINS = 'ethereum polygon arbitrum base optimism bsc avalanche solana gnosis scroll linea blast'.split(' ');
const CATEGORIES = ['Dexs', 'Lending', 'Liquid Staking', 'Bridge', 'Yield', 'CDP'];
/** Protocols in the example of the documentation. */
const NAMED = ['uniswap-v3', 'aave-v3'];

export interface Series {
  readonly protocol: string;
  readonly chain: string;
}

/** Returns `count` series of protocols that are on four chains each. */
export function seriesOf(count: number): Series[] {
  return Array.from({ length: count }, (_, n) => {
    const protocol = Math.floor(n / CHAINS_PER_PROTOCOL);
    // The named protocols are on the chains of the documented example.
    const chain = CHAINS[((n % CHAINS_PER_PROTOCOL) + (protocol < 2 ? 0 : protocol * 3)) % CHAINS.length];
    return { protocol: NAMED[protocol] ?? `protocol-${protocol}`, chain: chain ?? '' };
  });
}

/**
 * Returns the directory, under $XDG_CACHE_HOME, in which the data set with this many series is kept between runs. A new
 * data set is created if the tables have changed, or if the app would delete the first weeks of the old one.
 */
export function historyDirectory(series: number): string {
  const home = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'defi-realtime-bench');
  const made = createHash('sha256');
  for (const file of ['1790000002000-history.ts', '1790000008000-query.ts']) {
    made.update(readFileSync(join(ROOT, 'migrations', file)));
  }
  const name = `history-${series}-${made.digest('hex').slice(0, 8)}`;
  mkdirSync(home, { recursive: true });
  for (const other of readdirSync(home)) {
    const isOld = Date.now() - statSync(join(home, other)).birthtimeMs > OLDEST_DAYS * DAY_MS;
    if (other.startsWith(`history-${series}-`) && (other !== name || isOld)) {
      rmSync(join(home, other), { recursive: true, force: true });
    }
  }
  return join(home, name);
}

/**
 * Fills the running app's history up to now; each series is a random walk that shares the market's moves with the others.
 * Existing values stay, so that an interrupted load continues, and a later run adds the missing values. Returns the
 * number of points.
 */
export async function fillHistory(context: BenchContext, client: Client, series: readonly Series[]): Promise<number> {
  await client.query(`SET synchronous_commit = off`);
  await client.query(`SET timezone = 'UTC'`);
  if (!(await begun(client))) await begin(client, series);
  let until = await progress(client);
  const end = Math.floor(Date.now() / 300_000) * 300_000;
  const isNew = end - until > DAY_MS;
  if (isNew) context.log(`recording ${DAYS} days of ${series.length} series; this is kept for later runs`);
  const startedAt = performance.now();
  while (until < end) {
    const stop = Math.min(end, (Math.floor(until / DAY_MS) + 1) * DAY_MS);
    await client.query('BEGIN');
    // The app also creates aggregates; the lock lets only one process do so at a time, as in the app.
    await client.query(`SELECT pg_advisory_xact_lock(hashtext('history_rollups'))`);
    await client.query('SELECT bench_walk_on(to_timestamp($1::float8 / 1000))', [stop]);
    await client.query('COMMIT');
    if (isNew && new Date(stop).getUTCDay() === 1) {
      const seconds = (performance.now() - startedAt) / 1_000;
      context.log(`  up to ${new Date(stop).toISOString().slice(0, 10)} after ${seconds.toFixed(0)} s`);
    }
    until = stop;
  }
  if (isNew) {
    await client.query(ROWS_FOLLOW);
    for (const table of ['metric_points', 'metric_hourly', 'metric_daily', 'metric_series']) {
      await client.query(`VACUUM (ANALYZE) ${table}`);
    }
    await client.query('CHECKPOINT');
  }
  const { rows } = await client.query<{ points: number }>('SELECT points::float8 AS points FROM bench_walk');
  return rows[0]?.points ?? 0;
}

async function begun(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ begun: boolean }>(`SELECT to_regclass('bench_walk') IS NOT NULL AS begun`);
  return rows[0]?.begun ?? false;
}

async function progress(client: Client): Promise<number> {
  const { rows } = await client.query<{ until: number }>(
    'SELECT (extract(epoch FROM until) * 1000)::float8 AS until FROM bench_walk',
  );
  return rows[0]?.until ?? Date.now();
}

/** Writes the rows like any writer; the app creates series and published values from them. */
async function begin(client: Client, series: readonly Series[]): Promise<void> {
  const columns = [series.map(({ protocol }) => protocol), series.map(({ chain }) => chain)];
  await client.query(
    `INSERT INTO protocols (slug, name, symbol, category, chains)
     SELECT slug, initcap(slug), 'S' || row_number() OVER (), ($3::text[])[1 + row_number() OVER () % 6], chains
     FROM (SELECT slug, array_agg(chain) AS chains FROM unnest($1::text[], $2::text[]) s (slug, chain) GROUP BY slug) p
     ON CONFLICT DO NOTHING`,
    [...columns, CATEGORIES],
  );
  // From a million to some ten billion, most of them small.
  await client.query(
    `INSERT INTO protocol_tvl (protocol, chain, tvl, source)
     SELECT protocol, chain, exp(14 + 8 * ((n * 7919 % 1000) / 1000.0) ^ 2), 'bench'
     FROM unnest($1::text[], $2::text[]) WITH ORDINALITY s (protocol, chain, n) ON CONFLICT DO NOTHING`,
    columns,
  );
  await waitFor(
    async () => {
      const { rows } = await client.query<{ known: number }>('SELECT count(*)::int AS known FROM published_values');
      return (rows[0]?.known ?? 0) >= series.length;
    },
    { what: 'all published values', timeoutMs: 600_000, everyMs: 100 },
  );
  await client.query(
    `UPDATE history_state SET raw_from = date_trunc('week', now() - make_interval(days => $1), 'UTC')`,
    [DAYS],
  );
  await client.query(`SELECT prepare_metric_points(now() + interval '14 days')`);
  await client.query('BEGIN');
  await client.query(WALK);
  await client.query(
    `INSERT INTO bench_walk SELECT date_bin('5 minutes', now(), 'epoch') - make_interval(days => $1), 0,
       array_agg(s.id ORDER BY s.id), array_agg(ln(r.tvl) ORDER BY s.id)
     FROM metric_series s JOIN protocol_tvl r ON r.protocol = s.subject AND r.chain = s.chain`,
    [DAYS],
  );
  await client.query('COMMIT');
}

/** The aggregates are equal to those that the app would create from the same points. */
const WALK = `
CREATE TABLE bench_walk (until timestamptz NOT NULL, points bigint NOT NULL, ids integer[] NOT NULL, logs float8[] NOT NULL);

CREATE FUNCTION bench_walk_on(stop timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  walk bench_walk;
  market float8;
  since timestamptz;
BEGIN
  SELECT * INTO STRICT walk FROM bench_walk;
  since := walk.until;
  PERFORM setseed(0.42);
  WHILE walk.until < stop LOOP
    market := (random() - 0.5) * 0.004;
    walk.logs := ARRAY(SELECT l + market + (random() - 0.5) * 0.006 FROM unnest(walk.logs) AS l);
    INSERT INTO metric_points (at, value, series_id)
      SELECT walk.until, exp(l), id FROM unnest(walk.ids, walk.logs) AS s (id, l) ON CONFLICT DO NOTHING;
    walk.points := walk.points + cardinality(walk.ids);
    walk.until := walk.until + interval '5 minutes';
  END LOOP;
  DELETE FROM metric_hourly WHERE bucket >= date_trunc('hour', since, 'UTC') AND bucket < stop;
  INSERT INTO metric_hourly (series_id, bucket, open, high, low, close, sum, samples, opened_at, closed_at)
    SELECT series_id, date_trunc('hour', at, 'UTC'), (array_agg(value ORDER BY at, seq))[1], max(value), min(value),
      (array_agg(value ORDER BY at DESC, seq DESC))[1], sum(value), count(*), min(at), max(at)
    FROM metric_points WHERE at >= date_trunc('hour', since, 'UTC') AND at < date_trunc('hour', stop + interval '59 minutes', 'UTC')
    GROUP BY 1, 2 ORDER BY 2, 1;
  DELETE FROM metric_daily WHERE bucket >= date_trunc('day', since, 'UTC') AND bucket < stop;
  INSERT INTO metric_daily (series_id, bucket, open, high, low, close, sum, samples, opened_at, closed_at)
    SELECT series_id, date_trunc('day', bucket, 'UTC'), (array_agg(open ORDER BY bucket))[1], max(high), min(low),
      (array_agg(close ORDER BY bucket DESC))[1], sum(sum), sum(samples), min(opened_at), max(closed_at)
    FROM metric_hourly WHERE bucket >= date_trunc('day', since, 'UTC') AND bucket < date_trunc('hour', stop + interval '59 minutes', 'UTC')
    GROUP BY 1, 2 ORDER BY 2, 1;
  UPDATE bench_walk SET until = walk.until, points = walk.points, logs = walk.logs;
END $$`;

/** Sets the rows to the values at which their walks ended. */
const ROWS_FOLLOW = `
UPDATE protocol_tvl r SET tvl = exp(w.log), observed_at = now()
FROM (SELECT unnest(ids) AS id, unnest(logs) AS log FROM bench_walk) w JOIN metric_series s ON s.id = w.id
WHERE s.metric = 'tvl' AND s.subject = r.protocol AND s.chain = r.chain`;
