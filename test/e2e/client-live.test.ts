import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connect, type Client } from '../../src/client/index.js';
import { live, type LiveStore } from '../../src/client/live.js';
import { MarketWriter } from '../support/data/market-writer.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { CuttableProxy } from '../support/servers/cuttable-proxy.js';
import { waitFor } from '../support/wait-for.js';

let app: TestApp;
let market: MarketWriter;
let wire: CuttableProxy;
let url: string;
let key: string;
let client: Client;
let stop: () => void;

beforeAll(async () => {
  app = await createTestApp();
  key = await app.key();
  market = new MarketWriter(app.db.pool);
  wire = new CuttableProxy(app.port);
  url = await wire.listen();
});
afterEach(() => {
  stop();
  client.close();
});
afterAll(async () => {
  await wire.close();
  await app.close();
});

/** Follows a store, and notes each state that a listener could read. */
function follow<Row>(store: LiveStore<Row>) {
  const states = [store.getSnapshot()];
  stop = store.subscribe(() => states.push(store.getSnapshot()));
  return states;
}

describe.each(['websocket', 'sse'] as const)('the live store over %s', (transport) => {
  it('follows the values of a filter over a loss, without an empty state and without needless changes', async () => {
    const token = `live-${transport}`;
    await market.price(token, 1);
    await market.price(`${token}-still`, 1);
    client = connect({ url, auth: key, transport });
    const store = live(client, { tokens: [token, `${token}-still`], maxValue: 1_000 });
    const states = follow(store);
    const priceOf = (name: string) =>
      store.getSnapshot().rows.flatMap((row) => (row.metric === 'price' && row.token === name ? [row.price] : []))[0];
    await waitFor(() => store.getSnapshot().rows.length === 2);
    const still = store.getSnapshot().rows.find((row) => row.metric === 'price' && row.token !== token);
    await market.price(token, 2);
    await waitFor(() => priceOf(token) === 2);
    const { rows } = store.getSnapshot();
    wire.cut();
    await waitFor(() => store.getSnapshot().status === 'stale');
    expect(store.getSnapshot().rows).toBe(rows);
    wire.mend();
    await waitFor(() => store.getSnapshot().status === 'live');
    expect(store.getSnapshot().rows).toBe(rows);
    wire.cut();
    await market.price(token, 3);
    wire.mend();
    await waitFor(() => priceOf(token) === 3 && store.getSnapshot().status === 'live');
    expect(store.getSnapshot().rows).toContain(still);
    // A value that leaves the range leaves the store.
    await market.price(token, 2_000);
    await waitFor(() => priceOf(token) === undefined);
    await market.price(token, 4);
    await waitFor(() => priceOf(token) === 4);
    const filled = states.slice(states.findIndex((state) => state.rows.length > 0));
    expect(filled.filter((state) => state.rows.length === 0)).toEqual([]);
    expect(new Set(states).size).toBe(states.length);
  });

  it('follows a live query over a loss', async () => {
    const protocol = `live-query-${transport}`;
    await market.tvl(protocol, 'ethereum', 10);
    client = connect({ url, auth: key, transport });
    const query = {
      filters: { protocols: [protocol] },
      aggregations: [{ field: 'tvl', operation: 'sum', group_by: 'chain' }],
    };
    const store = live(client, { query });
    follow(store);
    const sums = () => store.getSnapshot().rows.map(({ chain, sum_tvl: sum }) => [chain, sum]);
    await waitFor(() => sums().length === 1 && store.getSnapshot().status === 'live');
    expect(sums()).toEqual([['ethereum', 10]]);
    await market.tvl(protocol, 'base', 5);
    await waitFor(() => sums().length === 2);
    const { rows } = store.getSnapshot();
    wire.cut();
    await waitFor(() => store.getSnapshot().status === 'stale');
    wire.mend();
    await waitFor(() => store.getSnapshot().status === 'live');
    expect(store.getSnapshot().rows).toBe(rows);
    wire.cut();
    await market.tvl(protocol, 'base', 7);
    wire.mend();
    await waitFor(() => sums().some(([, sum]) => sum === 7));
    expect(store.getSnapshot().rows.map(({ _key }) => _key)).toEqual(rows.map(({ _key }) => _key));
  });
});
