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
