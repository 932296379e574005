import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HistoryPoint } from '../../../src/alerts/core/index.js';
import { AlertEvaluation } from '../../../src/alerts/evaluation/alert-evaluation.js';
import { HistoryLoader } from '../../../src/alerts/evaluation/history-loader.js';
import { HistoryWriter } from '../../../src/events/history/history-writer.js';
import { EventLog, type LogEvent } from '../../../src/events/index.js';
import { createTestApp, type TestApp } from '../../support/servers/create-test-app.js';
import { waitFor } from '../../support/wait-for.js';

/** Value, volume and market capitalisation of a price, and the time at which it was logged. */
type Reading = [number, number | null, number | null, number];

const START = Date.now() - 3_600_000;

let app: TestApp;

beforeAll(async () => {
  app = await createTestApp();
  // The evaluator is stopped, because the test itself loads history, for positions of its choice.
  await app.nest.get(AlertEvaluation).stop();
});
afterAll(() => app?.close());

/** Writes a price with a time of observation in milliseconds after the start. */
async function price(token: string, value: number, observed: number): Promise<void> {
  await app.db.pool.query(
    `INSERT INTO token_prices (token, price, volume_24h, market_cap, observed_at)
     VALUES ($1, $2::float8, $2::float8 * 10, $2::float8 * 100, to_timestamp($3::float8 / 1000))
     ON CONFLICT (token) DO UPDATE SET price = excluded.price, volume_24h = excluded.volume_24h,
       market_cap = excluded.market_cap, observed_at = excluded.observed_at`,
    [token, value, START + observed],
  );
}

/** Returns the prices in the log when there are `count`. */
async function published(count: number): Promise<LogEvent[]> {
  const read = () => app.nest.get(EventLog).read(0, 1_000, { types: ['price_change', 'price_baseline'] });
  await waitFor(async () => (await read()).length === count, { what: `${count} prices`, timeoutMs: 20_000 });
  return read();
}

/** Returns the last two readings of each token. */
function lastTwo(readings: Iterable<[token: string, Reading]>): Record<string, Reading[]> {
  const held: Record<string, Reading[]> = {};
  for (const [token, reading] of readings) held[token] = [...(held[token] ?? []), reading].slice(-2);
  return held;
}

const ofRow = (row: LogEvent): [string, Reading] => [
  row.token ?? '',
  [row.current ?? NaN, row.volume24h, row.marketCap, row.loggedAt],
];
const ofPoint = ({ token, value, volume24h, marketCap, loggedAt }: HistoryPoint): [string, Reading] => [
  token ?? '',
  [value, volume24h ?? null, marketCap ?? null, Math.floor(loggedAt ?? NaN)],
];

describe('the start values of an evaluator', () => {
  it('are the last two logged values of each key, at every log position', async () => {
    // Several prices within a millisecond; prices observed before the known one; a price published once and then only
    // sampled; many prices.
    for (const [index, value] of [60_000, 80_000, 60_000, 80_000, 60_000].entries())
      await price('same', value, index / 10);
    for (const observed of [0, 900, 300, 600, 100]) await price('late', 100 + observed, observed);
    await price('once', 7, 50);
    for (let count = 0; count < 6; count++) await price('often', count % 2 === 0 ? 60_000 : 80_000, 10 + count);
    const written = (await published(17)).at(-1)?.seq ?? 0;
    await waitFor(
      async () => {
        const { rows } = await app.db.pool.query<{ seq: number }>(
          `SELECT seq::float8 AS seq FROM log_readers WHERE name = 'history'`,
        );
        return (rows[0]?.seq ?? 0) >= written;
      },
      { what: 'written history', timeoutMs: 20_000 },
    );
    await app.nest.get(HistoryWriter).beforeApplicationShutdown();
    await app.db.pool.query(
      `INSERT INTO metric_points (series_id, at, seq, value)
       SELECT id, now() - minute * interval '1 minute', 0, 65000 FROM metric_series, generate_series(1, 40) minute`,
    );
    // Only the log has these, not yet the history.
    await price('same', 80_000, 0.6);
    await price('new', 1, 0);
    await price('same', 60_000, 0.7);

    const log = await published(20);
    const loader = app.nest.get(HistoryLoader);
    for (const { seq, loggedAt } of log) {
      const points = await loader.latest({ seq, at: loggedAt });
      const before = log.filter((row) => row.seq <= seq);
      expect(lastTwo([...points].map(ofPoint)), `at ${seq}`).toEqual(lastTwo(before.map(ofRow)));
    }
  });
});
