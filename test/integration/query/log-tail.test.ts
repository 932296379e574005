import { afterAll, beforeAll, expect, it } from 'vitest';
import { FIRST_DAY, MINUTE } from './query-world.js';
import { queryParts, type QueryParts } from './query-parts.js';

let parts: QueryParts;
const HOUR = 60 * MINUTE;
const at = (hour: number) => new Date(FIRST_DAY + hour * HOUR).toISOString();

beforeAll(async () => {
  parts = await queryParts();
  const { pool } = parts.db;
  // History has a total and one value of a chain; the log has further values.
  await pool.query(
    `INSERT INTO metric_series (metric, subject, chain) VALUES ('tvl', 'aave', 'all'), ('tvl', 'lido', 'base')`,
  );
  await pool.query(
    `INSERT INTO metric_points (series_id, at, value) SELECT id, $1, 10 FROM metric_series WHERE chain = 'base'`,
    [at(1)],
  );
  await pool.query(
    `INSERT INTO metric_points (series_id, at, value) SELECT id, $1, 7 FROM metric_series WHERE chain = 'all'`,
    [at(5)],
  );
  await pool.query('INSERT INTO history_dirty (series_id, bucket) SELECT series_id, at FROM metric_points');
  await parts.rollups.run();
  const events = [
    { seq: 1, protocol: 'lido', chain: 'base', current: 20, observed_at: at(2) },
    { seq: 2, protocol: 'lido', chain: 'base', current: 15, observed_at: at(0) },
    { seq: 3, protocol: 'aave', chain: 'solana', current: 6, observed_at: at(5) },
    { seq: 4, protocol: 'curve', chain: 'base', current: 3, observed_at: at(3) },
  ];
  await pool.query(
    `INSERT INTO event_log (seq, epoch, type, protocol, chain, current, observed_at, captured_at, logged_at, source, confidence, tags)
     SELECT seq, 'e1', 'tvl_change', protocol, chain, current, observed_at, now(), now(), 'test', 1, '{}'
     FROM jsonb_populate_recordset(NULL::event_log, $1)`,
    [JSON.stringify(events)],
  );
});
afterAll(() => parts?.close());

it('filling buckets carries on values known only to the event log, even from before the range', async () => {
  const { rows } = await parts.run({
    filters: { protocols: ['lido', 'curve'] },
    time: { from: at(4), to: at(6), bucket: '1h', fill: 'previous' },
    aggregations: [{ field: 'tvl', operation: 'max', group_by: 'protocol', as: 'tvl' }],
  });
  expect(rows.slice()).toEqual(
    [4, 5].flatMap((hour) => [
      { time: at(hour), protocol: 'curve', tvl: 3 },
      { time: at(hour), protocol: 'lido', tvl: 20 },
    ]),
  );
});

it('a value from the event log gets the rounded millisecond that history will store', async () => {
  const { pool } = parts.db;
  const [below, above] = [at(7).replace('.000Z', '.000499Z'), at(7).replace('.000Z', '.000500Z')];
  await pool.query(
    `INSERT INTO event_log (seq, epoch, type, protocol, chain, current, observed_at, captured_at, logged_at, source, confidence, tags)
     SELECT seq, 'e1', 'tvl_change', 'fine', 'base', seq, at::timestamptz, now(), now(), 'test', 1, '{}'
     FROM (VALUES (5, $1), (6, $2)) AS t (seq, at)`,
    [below, above],
  );
  const { rows } = await parts.run({ filters: { protocols: ['fine'] }, time: { from: at(7), to: at(8) } });
  expect(rows.slice()).toMatchObject([
    { time: at(7), tvl: 5 },
    { time: at(7).replace('.000Z', '.001Z'), tvl: 6 },
  ]);
});

it('a protocol total no longer counts once the log contains a chain of the protocol', async () => {
  const { rows } = await parts.run({
    filters: { protocols: ['aave'] },
    time: { from: at(5), to: at(6), bucket: '1h' },
    aggregations: [{ field: 'tvl', operation: 'sum' }],
  });
  expect(rows.slice()).toEqual([{ time: at(5), sum_tvl: 6 }]);
});

it('filling buckets stops at the present time', async () => {
  const from = Math.floor(Date.now() / HOUR) * HOUR;
  const { rows } = await parts.run({
    filters: { protocols: ['lido'] },
    time: {
      from: new Date(from).toISOString(),
      to: new Date(from + 3 * HOUR).toISOString(),
      bucket: '1h',
      fill: 'previous',
    },
    aggregations: [{ field: 'tvl', operation: 'sum', as: 'tvl' }],
  });
  // The hour may end between the query and this line.
  const hours = (Math.floor(Date.now() / HOUR) * HOUR - from) / HOUR + 1;
  expect(rows.slice()).toEqual(
    Array.from({ length: hours }, (_, hour) => ({ time: new Date(from + hour * HOUR).toISOString(), tvl: 20 })),
  );
});

it('filling too many buckets is refused', async () => {
  for (const fill of ['previous', 'null']) {
    await expect(parts.run({ time: { from: 'now-99999w', bucket: '1h', fill } })).rejects.toMatchObject({
      code: 'limit_exceeded',
      errors: [{ pointer: '/time', code: 'too_many_buckets' }],
    });
  }
});
