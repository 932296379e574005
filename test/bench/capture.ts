/**
 * Cost of capture for writers, and delay until the log has their changes: upserts compared with the same table without
 * triggers, draining a large outbox in the running app, and the time from acknowledged commit to the number in the log at
 * 1,000 changes a second, alone and beside a transaction that holds its snapshot for minutes.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { BenchContext, Figures } from './support/bench-context.js';
import { median, percentile, round } from './support/percentiles.js';
import { waitFor } from '../support/wait-for.js';

const ROWS = 100_000;
const BATCH = 10_000;
const DRAIN_EVENTS = 100_000;
const RATE = 1_000;
const DETECT_KEYS = 1_000;

export async function run(context: BenchContext): Promise<Figures> {
  const app = await context.startApp();
  const client = await connect(app.databaseUrl);
  context.atEnd(() => client.end());
  const upserts = await measureUpserts(context, client);
  const drain = await measureDrain(context, client, context.quick ? 1 : 3);
  const alone = await measureDetection(context, app.databaseUrl, context.quick ? 6 : 30, 'alone');

  const holder = await connect(app.databaseUrl);
  await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  await holder.query('SELECT count(*), pg_current_xact_id() FROM protocols');
  const seconds = context.quick ? 10 : 300;
  const beside = await measureDetection(context, app.databaseUrl, seconds, 'beside an open transaction');
  await holder.query('ROLLBACK');
  await holder.end();

  return {
    ...upserts,
    drain_events_per_s: round(drain, 0),
    detect_p50_ms: round(percentile(alone.lags, 0.5)),
    detect_p95_ms: round(percentile(alone.lags, 0.95)),
    detect_p95_long_tx_ms: round(percentile(beside.last, 0.95)),
    long_tx_seconds: seconds,
    detect_lost: alone.lost + beside.lost,
  };
}

async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  return client;
}

/**
 * Time with triggers ÷ time without, in alternating rounds; `every`: one row in this many leaves its dead band, 0: none.
 */
async function measureUpserts(context: BenchContext, client: Client): Promise<Figures> {
  context.log(`${ROWS} rows, upserts of ${BATCH}`);
  await client.query(`CREATE TABLE bare (LIKE protocol_tvl INCLUDING ALL) WITH (fillfactor = 70)`);
  await client.query(`INSERT INTO protocol_tvl (protocol, chain, tvl)
    SELECT 'bench' || lpad((n / 10)::text, 6, '0'), 'chain' || n % 10, 1000 + n FROM generate_series(0, ${ROWS - 1}) n`);
  await client.query('UPDATE protocol_tvl SET tvl = tvl');
  await client.query('INSERT INTO bare SELECT * FROM protocol_tvl');
  // Both tables start with freshly written pages and the free space of their fillfactor.
  for (const table of ['protocol_tvl', 'bare']) await client.query(`VACUUM (FULL, ANALYZE) ${table}`);
  await emptyOutbox(client);

  const shares = { 0: 0, 5: 20, 100: 1 } as const;
  const times = { bare: [] as number[], 0: [] as number[], 5: [] as number[], 100: [] as number[] };
  const rounds = context.quick ? 5 : 21;
  for (let index = 0; index < rounds; index++) {
    const from = (index % (ROWS / BATCH)) * (BATCH / 10);
    for (const share of [0, 5, 100] as const) {
      times.bare.push(await upsert(client, 'bare', from, shares[share]));
      times[share].push(await upsert(client, 'protocol_tvl', from, shares[share]));
      await emptyOutbox(client);
    }
  }
  const bare = median(times.bare);
  context.table(
    (['bare', 0, 5, 100] as const).map((name) => ({
      upsert: name === 'bare' ? 'without triggers' : `${name} % cross`,
      ms: median(times[name]),
      ratio: median(times[name]) / bare,
    })),
  );
  return {
    upsert_bare_ms: round(bare),
    upsert_ratio_0: round(median(times[0]) / bare),
    upsert_ratio_5: round(median(times[5]) / bare),
    upsert_ratio_100: round(median(times[100]) / bare),
    rows_per_s_5: round((BATCH / median(times[5])) * 1000, 0),
  };
}

/** The values are created before the timing starts, so that only the statement that a writer would send is timed. */
async function upsert(client: Client, table: string, from: number, every: number): Promise<number> {
  await client.query('DROP TABLE IF EXISTS given');
  await client.query(
    `CREATE TEMP TABLE given AS SELECT protocol, chain,
       CASE WHEN $2::int > 0 AND row_number() OVER (ORDER BY protocol, chain) % greatest($2::int, 1) = 0
         THEN coalesce(published_value, tvl) * 1.02 ELSE coalesce(published_value, tvl) * 1.0001 END AS tvl
     FROM protocol_tvl WHERE protocol >= 'bench' || lpad($1::int::text, 6, '0')
       AND protocol < 'bench' || lpad(($1::int + ${BATCH / 10})::text, 6, '0') ORDER BY protocol, chain`,
    [from, every],
  );
  const startedAt = performance.now();
  await client.query(
    `INSERT INTO ${table} (protocol, chain, tvl) SELECT protocol, chain, tvl FROM given
     ON CONFLICT (protocol, chain) DO UPDATE SET tvl = excluded.tvl, observed_at = excluded.observed_at`,
  );
  return performance.now() - startedAt;
}

async function emptyOutbox(client: Client): Promise<void> {
  await waitFor(
    async () => {
      const { rows } = await client.query<{ busy: boolean }>('SELECT EXISTS (SELECT FROM change_outbox) AS busy');
      return rows[0]?.busy === false;
    },
    { what: 'an empty outbox', timeoutMs: 600_000, everyMs: 20 },
  );
}

/** Waits for a steady state: the readers have processed all earlier events, and the pages are on disk. */
async function settle(client: Client): Promise<void> {
  await emptyOutbox(client);
  await waitFor(
    async () => {
      const { rows } = await client.query<{ behind: boolean }>(
        'SELECT EXISTS (SELECT FROM log_readers WHERE seq < newest_seq() - 100) AS behind',
      );
      return rows[0]?.behind === false;
    },
    { what: 'readers at the end of the log', timeoutMs: 600_000, everyMs: 100 },
  );
  await client.query('CHECKPOINT');
}

/** Events per second from the commit of one big transaction until the log contains its last event. */
async function measureDrain(context: BenchContext, client: Client, rounds: number): Promise<number> {
  const rates: number[] = [];
  for (let index = 0; index < rounds; index++) {
    await client.query('BEGIN');
    await client.query(
      `UPDATE protocol_tvl SET tvl = coalesce(published_value, tvl) * $1::float8 WHERE protocol LIKE 'bench%'`,
      [index % 2 === 0 ? 1.05 : 0.95],
    );
    await client.query('COMMIT');
    const startedAt = performance.now();
    await emptyOutbox(client);
    rates.push((DRAIN_EVENTS / (performance.now() - startedAt)) * 1000);
    context.log(`drained ${DRAIN_EVENTS} events at ${Math.round(rates.at(-1) ?? 0)}/s`);
  }
  return median(rates);
}

interface Detection {
  lags: number[];
  /** Of the last minute of the measurement. */
  last: number[];
  lost: number;
}

/**
 * Single-row commits. The lag is measured from the reply to COMMIT to the sequencer's time at which it numbered the
 * event.
 */
async function measureDetection(context: BenchContext, url: string, seconds: number, name: string): Promise<Detection> {
  const client = await connect(url);
  await client.query(`INSERT INTO protocol_tvl (protocol, chain, tvl)
    SELECT 'detect' || n, 'ethereum', 1000 FROM generate_series(0, ${DETECT_KEYS - 1}) n ON CONFLICT DO NOTHING`);
  await settle(client);
  const { rows: head } = await client.query<{ seq: string }>('SELECT newest_seq() AS seq');
  const committed = new Map<string, number>();
  const startedAt = performance.now();
  for (let sent = 0; sent < RATE * seconds; sent++) {
    const ahead = startedAt + (sent * 1000) / RATE - performance.now();
    if (ahead > 1) await sleep(ahead);
    const protocol = `detect${sent % DETECT_KEYS}`;
    // Every write leaves the dead band, and no two events of a key are equal.
    const tvl = (Math.floor(sent / DETECT_KEYS) % 2 === 0 ? 2_000 : 1_000) + sent / 1e6;
    await client.query({
      name: 'detect',
      text: `UPDATE protocol_tvl SET tvl = $2 WHERE protocol = $1 AND chain = 'ethereum'`,
      values: [protocol, tvl],
    });
    committed.set(`${protocol} ${tvl}`, Date.now());
  }
  const took = (performance.now() - startedAt) / 1000;
  await emptyOutbox(client);
  const { rows } = await client.query<{ protocol: string; current: number; at: number }>(
    `SELECT protocol, current, date_part('epoch', logged_at) * 1000 AS at FROM event_log
     WHERE seq > $1 AND type = 'tvl_change' AND protocol LIKE 'detect%' ORDER BY seq`,
    [head[0]?.seq],
  );
  await client.end();
  const found = rows.flatMap(({ protocol, current, at }) => {
    const ackedAt = committed.get(`${protocol} ${current}`);
    return ackedAt === undefined ? [] : [{ at, lag: Math.max(0, at - ackedAt) }];
  });
  const end = found.at(-1)?.at ?? 0;
  const lags = found.map(({ lag }) => lag).sort((a, b) => a - b);
  const last = found
    .filter(({ at }) => at > end - 60_000)
    .map(({ lag }) => lag)
    .sort((a, b) => a - b);
  context.log(
    `${name}: ${committed.size} commits in ${round(took, 1)} s, detected after ms p50 ${round(percentile(lags, 0.5))},` +
      ` p95 ${round(percentile(lags, 0.95))}, last minute p95 ${round(percentile(last, 0.95))}`,
  );
  return { lags, last, lost: committed.size - found.length };
}
