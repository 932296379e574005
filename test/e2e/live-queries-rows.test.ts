import { afterAll, afterEach, assert, beforeAll, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/create-test-app.js';
import { QueryFollower } from '../support/query-view.js';
import { waitFor } from '../support/wait-for.js';

let app: TestApp;
let key: string;
let client: QueryFollower;

beforeAll(async () => {
  app = await createTestApp();
  key = await app.key();
});
afterAll(() => app?.close());
afterEach(() => {
  client.close();
  assert.deepEqual(client.faults, []);
});

it('a live query shows every value of a series, also several of one millisecond', async () => {
  client = new QueryFollower(app.url, key);
  await app.db.pool.query(`INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('twice', 'ethereum', 100)`);
  await client.subscribe({ filters: { protocols: ['twice'] }, time: { from: 'now-1h' } });
  await waitFor(() => client.results[0]);
  const second = new Date(Math.floor(Date.now() / 1_000) * 1_000).toISOString();
  for (const [tvl, micros] of [
    [200, '000100'],
    [400, '000200'],
    [800, '000300'],
  ]) {
    const at = second.replace('000Z', `${micros}Z`);
    await app.db.pool.query(`UPDATE protocol_tvl SET tvl = $1, observed_at = $2 WHERE protocol = 'twice'`, [tvl, at]);
  }
  const shown = () => client.view.first.flatMap((row) => (row['time'] === second ? [row['tvl']] : []));
  await waitFor(() => shown().includes(800));
  expect(shown()).toEqual([200, 400, 800]);
});

it('nothing runs on for a live query that nobody follows any more', async () => {
  client = new QueryFollower(app.url, key);
  const holder = await app.db.pool.connect();
  const running = async () => {
    const { rows } = await app.db.pool.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'defi-realtime-query'
       AND wait_event_type = 'Lock' AND datname = current_database()`,
    );
    return rows[0]?.n;
  };
  try {
    await holder.query('BEGIN; LOCK TABLE token_prices IN ACCESS EXCLUSIVE MODE');
    // As many as run at once.
    for (const limit of [1, 2]) await client.subscribe({ dataset: 'prices', limit });
    await waitFor(async () => (await running()) === 2);
    await client.socket.emitWithAck('unsubscribe', { type: 'query' });
    await waitFor(async () => (await running()) === 0);
    await client.subscribe({ dataset: 'tvl' });
    await waitFor(() => client.results[0]);
    expect(client.errors).toEqual([]);
  } finally {
    await holder.query('ROLLBACK');
    holder.release();
  }
});

it('a live query loses a token that moves to another chain, and gets it back', async () => {
  client = new QueryFollower(app.url, key);
  await app.db.pool.query(`INSERT INTO token_prices (token, chain, price) VALUES ('moving', 'ethereum', 100)`);
  const prices = { dataset: 'prices', filters: { chains: ['ethereum'] } };
  const rows = await client.subscribe(prices);
  await client.subscribe({ ...prices, aggregations: [{ operation: 'count', group_by: 'chain' }] });
  const shown = () => client.view.of(rows.subscription.id)?.map((row) => row['token']);
  await waitFor(() => client.results.length === 2 && shown()?.length === 1);
  const move = (chain: string, price: number) =>
    app.db.pool.query(`UPDATE token_prices SET chain = $1, price = $2, observed_at = now()`, [chain, price]);
  await move('base', 200);
  await waitFor(() => client.changes.filter(({ removed }) => removed.length === 1).length === 2);
  expect(shown()).toEqual([]);
  await move('ethereum', 100);
  await waitFor(() => client.changes.filter(({ added }) => added.length === 1).length === 2);
  expect(shown()).toEqual(['moving']);
});
