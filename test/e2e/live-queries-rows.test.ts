import { afterAll, afterEach, assert, beforeAll, expect, it } from 'vitest';
import { MarketWriter } from '../support/data/market-writer.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { QueryFollower } from '../support/clients/query-view.js';
import { waitFor } from '../support/wait-for.js';

let app: TestApp;
let market: MarketWriter;
let key: string;
let client: QueryFollower;

beforeAll(async () => {
  app = await createTestApp();
  market = new MarketWriter(app.db.pool);
  key = await app.key();
});
afterAll(() => app?.close());
afterEach(() => {
  client.close();
  assert.deepEqual(client.faults, []);
});

it('a live query shows every value of a series, also several within one millisecond', async () => {
  client = new QueryFollower(app.url, key);
  // Observed before the second whose values are counted.
  await market.tvl('twice', 'ethereum', 100, { observedAt: new Date(Date.now() - 60_000) });
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

it('a live query without followers is cancelled in the database', async () => {
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
    // As many queries as may run at once.
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

it('a live query removes a token that changes its chain, and adds it when it returns', async () => {
  client = new QueryFollower(app.url, key);
  await market.price('moving', 100, { chain: 'ethereum' });
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

interface Values {
  data: Record<string, unknown>[];
}

async function read<T>(path: string): Promise<T | undefined> {
  const answer = await fetch(`${app.url}${path}`, { headers: { authorization: `Bearer ${key}` } });
  return answer.ok ? ((await answer.json()) as T) : undefined;
}

it('deleted, truncated and slightly changed rows appear in live queries and routes within 5 s', async () => {
  client = new QueryFollower(app.url, key);
  const { pool } = app.db;
  await pool.query(`TRUNCATE protocol_tvl, token_prices`);
  await market.tvl('kept', 'sui', 1000);
  await market.tvl('gone', 'sui', 200);
  await market.price('reloaded', 2500);
  const rows = await client.subscribe({ filters: { chains: ['sui'] } });
  const groups = await client.subscribe({
    filters: { chains: ['sui'] },
    aggregations: [{ field: 'tvl', operation: 'sum', group_by: 'chain' }],
  });
  const shown = () => ({
    rows: client.view.of(rows.subscription.id)?.map(({ protocol, tvl }) => [protocol, tvl]),
    groups: client.view.of(groups.subscription.id)?.map(({ chain, sum_tvl }) => [chain, sum_tvl]),
  });
  /** Waits, for as long as the contract permits, until the values are the same everywhere. */
  const everywhere = async (values: [string, number][]) => {
    const sum = values.reduce((total, [, tvl]) => total + tvl, 0);
    const live = { rows: values, groups: values.length > 0 ? [['sui', sum]] : [] };
    await expect.poll(shown, { timeout: 6_000 }).toEqual(live);
  };
  await everywhere([
    ['kept', 1_000],
    ['gone', 200],
  ]);
  await pool.query(`UPDATE protocol_tvl SET tvl = 1001 WHERE protocol = 'kept'`);
  await everywhere([
    ['kept', 1_001],
    ['gone', 200],
  ]);

  await pool.query(`DELETE FROM protocol_tvl WHERE protocol = 'gone'`);
  await everywhere([['kept', 1_001]]);
  const places = async () => [
    await read('/v1/tvl/gone'),
    await read('/tvl/gone'),
    (await read<Values>('/v1/chains'))?.data.map(({ chain, tvl }) => [chain, tvl]),
    (await read<{ name: string; tvl: number }[]>('/v2/chains'))?.map(({ name, tvl }) => [name, tvl]),
  ];
  await expect.poll(places, { timeout: 6_000 }).toEqual([undefined, undefined, [['sui', 1_000]], [['Sui', 1_000]]]);

  const log = await read<{ page: { next_cursor: string } }>('/v1/events?limit=1000');
  await pool.query(
    `BEGIN; TRUNCATE token_prices; INSERT INTO token_prices (token, price) VALUES ('reloaded', 2750); COMMIT`,
  );
  const events = async () =>
    (await read<Values>(`/v1/events?token=reloaded&since=${log?.page.next_cursor}`))?.data.map(
      (event) => event['changePercent'],
    );
  await expect.poll(events, { timeout: 6_000 }).toEqual([10]);
  await pool.query('TRUNCATE protocol_tvl, token_prices');
  await everywhere([]);
  const emptied = async () => [
    ...(await places()),
    await read('/v1/tvl/kept'),
    await read('/v1/prices/reloaded'),
    await read('/prices/current/reloaded'),
    (await read<Values>('/v1/tokens'))?.data,
  ];
  await expect
    .poll(emptied, { timeout: 6_000 })
    .toEqual([undefined, undefined, [], [], undefined, undefined, { coins: {} }, []]);
  const again = await createTestApp({ db: app.db });
  try {
    await waitFor(async () => (await fetch(`${again.url}/health/ready`)).ok);
    const answer = await fetch(`${again.url}/v1/chains`, { headers: { authorization: `Bearer ${key}` } });
    expect(await answer.json()).toMatchObject({ data: [] });
  } finally {
    await again.close();
  }
}, 60_000);
