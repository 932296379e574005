import { afterAll, afterEach, assert, beforeAll, describe, expect, it } from 'vitest';
import { MarketWriter } from '../support/data/market-writer.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { StreamClient } from '../support/clients/event-stream.js';
import { PlainClient } from '../support/clients/plain-client.js';
import { QueryFollower, QueryView } from '../support/clients/query-view.js';
import { waitFor } from '../support/wait-for.js';

const BY_CHAIN = { aggregations: [{ field: 'tvl', operation: 'sum', group_by: 'chain' }] };

let app: TestApp;
let market: MarketWriter;
let key: string;
const faults: string[] = [];
const ends: (() => unknown)[] = [];

beforeAll(async () => {
  app = await createTestApp();
  market = new MarketWriter(app.db.pool);
  key = await app.key();
  await market.tvl('aave', 'ethereum', 100);
  await market.tvl('aave', 'base', 50);
  await market.tvl('lido', 'ethereum', 10);
});
afterAll(() => app?.close());
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  assert.deepEqual(faults.splice(0), []);
});

function follower(apiKey = key): QueryFollower {
  const client = new QueryFollower(app.url, apiKey);
  ends.push(() => {
    client.close();
    faults.push(...client.faults);
  });
  return client;
}

describe('a live query', () => {
  it('sends the result and then the changed rows with their keys', async () => {
    const client = follower();
    const answer = await client.subscribe(BY_CHAIN);
    expect(answer).toMatchObject({ ok: true, subscription: { type: 'query' } });
    await waitFor(() => client.results[0]);
    expect(client.results[0]?.subscriptionId).toBe(answer.subscription.id);
    expect(client.shows('sum_tvl', 'chain')).toEqual({ ethereum: 110, base: 50 });
    await market.tvl('aave', 'base', 60);
    await waitFor(() => client.shows('sum_tvl', 'chain')['base'] === 60);
    expect(client.changes[0]).toMatchObject({ added: [], changed: [{ chain: 'base', sum_tvl: 60 }], removed: [] });
    await market.tvl('curve', 'solana', 5);
    await waitFor(() => client.shows('sum_tvl', 'chain')['solana'] === 5);
    await app.db.pool.query(`DELETE FROM protocol_tvl WHERE protocol = 'curve'`);
    await market.tvl('aave', 'base', 50);
    await waitFor(() => client.changes.at(-1)?.removed.length === 1);
    expect(client.shows('sum_tvl', 'chain')).toEqual({ ethereum: 110, base: 50 });
    expect(client.changes.map(({ cursor }) => cursor)).toEqual(client.changes.map(({ cursor }) => cursor).toSorted());
    expect(client.results).toHaveLength(1);
  });

  it('runs again only if an event can change its result', async () => {
    const [bound, other] = [follower(), follower()];
    await bound.subscribe({ filters: { protocols: ['lido'] } });
    await other.subscribe({ filters: { protocols: ['aave'], chains: ['base'] } });
    await waitFor(() => bound.results[0] && other.results[0]);
    for (const tvl of [70, 80, 90]) await market.tvl('aave', 'base', tvl);
    await waitFor(() => other.shows('tvl', 'protocol')['aave'] === 90);
    await market.tvl('lido', 'ethereum', 20);
    await waitFor(() => bound.shows('tvl', 'protocol')['lido'] === 20);
    expect(bound.changes).toHaveLength(1);
    await market.tvl('lido', 'ethereum', 10);
    await market.tvl('aave', 'base', 50);
  });

  it('adds and removes rows when the first page changes', async () => {
    const client = follower();
    await client.subscribe({ filters: { chains: ['ethereum'] }, sort: { field: 'tvl', order: 'desc' }, limit: 1 });
    await waitFor(() => client.results[0]);
    expect(client.shows('tvl', 'protocol')).toEqual({ aave: 100 });
    await market.tvl('lido', 'ethereum', 500);
    await waitFor(() => client.shows('tvl', 'protocol')['lido'] === 500);
    expect(client.shows('tvl', 'protocol')).toEqual({ lido: 500 });
    await market.tvl('lido', 'ethereum', 10);
    await waitFor(() => client.shows('tvl', 'protocol')['aave'] === 100);
    expect(client.shows('tvl', 'protocol')).toEqual({ aave: 100 });
  });

  it('is shared by all clients with the same query and ends with the last client', async () => {
    const first = follower();
    const clients = [first, follower(), follower()];
    const ids = await Promise.all(clients.map(async (client) => (await client.subscribe(BY_CHAIN)).subscription.id));
    expect(new Set(ids).size).toBe(1);
    const open = async () => /^live_queries (\d+)/m.exec(await (await fetch(`${app.url}/metrics`)).text())?.[1];
    await waitFor(async () => (await open()) === '1');
    expect((await first.subscribe(BY_CHAIN)).subscription.id).toBe(ids[0]);
    const none = await first.socket.emitWithAck('unsubscribe', { type: 'query', query: { dataset: 'prices' } });
    expect(none).toMatchObject({ ok: true, removed: [] });
    const answer = await first.socket.emitWithAck('unsubscribe', { type: 'query', query: BY_CHAIN });
    expect(answer.removed).toMatchObject([{ id: ids[0], type: 'query' }]);
    expect(await clients[1]?.socket.emitWithAck('subscriptions')).toMatchObject({ subscriptions: [{ id: ids[0] }] });
    for (const client of clients) client.socket.disconnect();
    expect(await waitFor(async () => (await open()) === '0')).toBe(true);
  });

  it('works beside an event subscription on the same connection', async () => {
    const client = follower();
    const seen: unknown[] = [];
    client.socket.on('tvl_change', (event) => seen.push(event));
    await client.socket.emitWithAck('subscribe', [{ type: 'tvl_changes' }, { type: 'query', query: BY_CHAIN }]);
    await waitFor(() => client.results[0]);
    await market.tvl('aave', 'base', 55);
    await waitFor(() => seen.length > 0 && client.changes.length > 0);
    expect(seen).toMatchObject([{ protocol: 'aave', currentTvl: 55 }]);
    await market.tvl('aave', 'base', 50);
  });

  it('works on plain WebSocket and on an event stream', async () => {
    const plain = await PlainClient.connect(app.url, key);
    ends.push(() => plain.close());
    const stream = await StreamClient.ready(
      app.url,
      `apiKey=${key}&query=${encodeURIComponent(JSON.stringify(BY_CHAIN))}`,
    );
    ends.push(() => stream.close());
    const confirmed = await plain.ask({ action: 'subscribe', query: BY_CHAIN, id: 1 }, 'subscription_confirmed');
    expect(confirmed).toMatchObject({ id: 1, subscription: { type: 'query' } });
    const subscriptionId = (confirmed['subscription'] as { id: string }).id;
    expect(await plain.next('query_result')).toMatchObject({ subscriptionId });
    expect((await stream.next('query_result')).body).toMatchObject({ subscriptionId });
    await market.tvl('aave', 'base', 65);
    expect(await plain.next('query_change')).toMatchObject({ changed: [{ chain: 'base', sum_tvl: 65 }] });
    expect((await stream.next('query_change')).body).toMatchObject({ changed: [{ chain: 'base', sum_tvl: 65 }] });
    expect(await plain.ask({ type: 'subscriptions' }, 'subscriptions')).toMatchObject({
      queries: [{ id: subscriptionId }],
    });
    const left = await plain.ask({ type: 'unsubscribe', subscriptionId }, 'unsubscription_result');
    expect(left).toMatchObject({ results: [{ subscriptionId, status: 'unsubscribed' }] });
    expect([...plain.faults, ...stream.faults]).toEqual([]);
    await market.tvl('aave', 'base', 50);
  });

  it('sends the whole result on every transport to a client that resumes with a cursor', async () => {
    const query = `apiKey=${key}&query=${encodeURIComponent(JSON.stringify(BY_CHAIN))}`;
    const first = await StreamClient.ready(app.url, query);
    ends.push(() => first.close());
    await first.next('query_result');
    await market.tvl('aave', 'base', 66);
    const { lastEventId } = await first.next('query_change');
    first.close();
    await market.tvl('aave', 'base', 77);
    const again = new StreamClient(app.url, query, { 'last-event-id': lastEventId });
    const plain = await PlainClient.connect(app.url, key);
    ends.push(
      () => again.close(),
      () => plain.close(),
    );
    await plain.ask({ action: 'subscribe', query: BY_CHAIN, since: lastEventId }, 'subscription_confirmed');
    const viewOf = (messages: { name: string; body: unknown }[]) => {
      const view = new QueryView();
      for (const { name, body } of messages) view.take(name, body);
      return view;
    };
    const views = () => [viewOf(again.events), viewOf(plain.messages.map((body) => ({ name: body.type, body })))];
    await waitFor(() => views().every(({ first: rows }) => rows.some((row) => row['sum_tvl'] === 77)));
    expect(views().map(({ results, faults: wrong }) => [results.length, wrong])).toEqual([
      [1, []],
      [1, []],
    ]);
    await market.tvl('aave', 'base', 50);
  });

  it('is refused with an error if invalid, and the connection stays open', async () => {
    const client = follower();
    for (const query of [
      { dataset: 'nothing' },
      { where: { field: 'nothing', op: 'eq', value: 1 } },
      { limit: 1e9 },
      { cursor: 'x' },
    ]) {
      expect(await client.subscribe(query)).toMatchObject({ ok: false, error: { retryable: false } });
    }
    const refused = await fetch(`${app.url}/v1/stream?apiKey=${key}&query=nonsense`);
    expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([400, 'invalid_request']);
    expect(await client.socket.emitWithAck('subscriptions')).toMatchObject({ subscriptions: [] });
  });

  it('ends with an error when its result becomes too large; other queries continue', async () => {
    const client = follower();
    const [grows, stays] = [
      await client.subscribe(BY_CHAIN),
      await client.subscribe({ filters: { protocols: ['lido'] } }),
    ];
    await waitFor(() => client.results.length === 2);
    await app.db.pool.query(
      `INSERT INTO protocol_tvl (protocol, chain, tvl) SELECT 'many', 'chain-' || i, 1 FROM generate_series(1, 10500) AS i`,
    );
    await waitFor(() => client.errors[0]);
    expect(client.errors).toMatchObject([
      { code: 'limit_exceeded', subscriptionId: grows.subscription.id, retryable: false },
    ]);
    expect(await client.subscribe(BY_CHAIN)).toMatchObject({ ok: true, subscription: { id: grows.subscription.id } });
    await waitFor(() => client.errors[1]);
    expect(client.errors[1]).toEqual(client.errors[0]);
    await app.db.pool.query(`DELETE FROM protocol_tvl WHERE protocol = 'many'`);
    await market.tvl('lido', 'ethereum', 40);
    await waitFor(() => client.view.of(stays.subscription.id)?.[0]?.['tvl'] === 40);
    const { subscriptions } = await client.socket.emitWithAck('subscriptions');
    expect(subscriptions).toMatchObject([{ id: stays.subscription.id }]);
    expect(await client.subscribe(BY_CHAIN)).toMatchObject({ ok: true, subscription: { id: grows.subscription.id } });
    await waitFor(() => client.results.length === 3);
    await market.tvl('lido', 'ethereum', 10);
  });

  it('with another `intervalMs` is a separate query', async () => {
    const [often, seldom] = [follower(), follower()];
    const first = await often.subscribe(BY_CHAIN, { intervalMs: 100 });
    const second = await seldom.subscribe(BY_CHAIN, { intervalMs: 1_000 });
    expect(first.subscription.id).not.toBe(second.subscription.id);
    await waitFor(() => often.results[0] && seldom.results[0]);
    for (const tvl of [70, 90, 110, 130]) await market.tvl('aave', 'base', tvl);
    for (const client of [often, seldom]) await waitFor(() => client.shows('sum_tvl', 'chain')['base'] === 130);
    for (const intervalMs of [-1, 'soon', 1e12]) {
      expect(await often.subscribe(BY_CHAIN, { intervalMs })).toMatchObject({
        ok: false,
        error: { code: 'invalid_request' },
      });
    }
    await market.tvl('aave', 'base', 50);
  });

  it('continues in a new epoch of the log and sends the whole result to resuming clients', async () => {
    const client = follower();
    await client.subscribe(BY_CHAIN);
    await waitFor(() => client.results[0]);
    const before = client.results[0]?.cursor.split('-')[0];
    await app.db.pool.query('SELECT new_log_epoch()');
    await market.tvl('aave', 'base', 75);
    await waitFor(() => client.shows('sum_tvl', 'chain')['base'] === 75);
    await market.tvl('aave', 'base', 95);
    await waitFor(() => client.shows('sum_tvl', 'chain')['base'] === 95);
    expect(client.changes.at(-1)?.cursor.split('-')[0]).not.toBe(before);
    client.close();
    await market.tvl('aave', 'base', 50);
    client.socket.connect();
    await client.subscribe(BY_CHAIN, { since: client.changes.at(-1)?.cursor });
    await waitFor(() => client.results.length === 2);
    await waitFor(() => client.shows('sum_tvl', 'chain')['base'] === 50);
  });

  it('ends when its key is revoked', async () => {
    const revoked = await app.key();
    const client = follower(revoked);
    await client.subscribe(BY_CHAIN);
    await waitFor(() => client.results[0]);
    const answer = await fetch(`${app.url}/v1/admin/api-keys/${revoked.split('_')[1]}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${app.adminKey}` },
    });
    expect(answer.ok).toBe(true);
    await waitFor(() => !client.socket.connected);
    const seen = client.changes.length;
    const open = async () => /^live_queries (\d+)/m.exec(await (await fetch(`${app.url}/metrics`)).text())?.[1];
    await waitFor(async () => (await open()) === '0');
    await market.tvl('aave', 'base', 85);
    await market.tvl('aave', 'base', 50);
    expect(client.changes).toHaveLength(seen);
  });

  it('never shows rows of other users', async () => {
    const events = { dataset: 'events', where: { field: 'event_type', op: 'eq', value: 'alert' } };
    const [alice, bob] = [follower(await app.key({ userId: 'alice' })), follower(await app.key({ userId: 'bob' }))];
    const [ofAlice, ofBob] = [await alice.subscribe(events), await bob.subscribe(events)];
    expect(ofAlice.subscription.id).not.toBe(ofBob.subscription.id);
    await waitFor(() => alice.results[0] && bob.results[0]);
    await app.db.pool.query(`SELECT append_events('[{"type": "alert", "owner": "alice", "data": {"ruleId": "r1"}}]')`);
    await waitFor(() => alice.changes[0]);
    expect(alice.changes[0]?.added).toHaveLength(1);
    expect(bob.changes).toEqual([]);
  });

  it('is refused if the key may not subscribe to queries', async () => {
    const client = follower(await app.key({ subscriptionTypes: ['tvl_changes'] }));
    expect(await client.subscribe(BY_CHAIN)).toMatchObject({ ok: false, error: { code: 'forbidden' } });
  });
});
