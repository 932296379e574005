import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EventFeed } from '../../../src/events/feed/event-feed.js';
import { formatCursor } from '../../../src/events/core/cursor.js';
import { EventLog } from '../../../src/events/log/event-log.js';
import { appendEvents } from '../../../src/events/log/append-events.js';
import { Database } from '../../../src/platform/database/database.js';
import { createTestApp, type TestApp } from '../../support/servers/create-test-app.js';
import { MarketWriter } from '../../support/data/market-writer.js';
import { PlainClient } from '../../support/clients/plain-client.js';
import { startRedis, type TestRedis } from '../../support/servers/redis-server.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';
import { waitFor } from '../../support/wait-for.js';

describe('two processes on one database', () => {
  let redis: TestRedis;
  let db: TestDatabase;
  let market: MarketWriter;
  let apps: TestApp[];
  let clients: PlainClient[];

  beforeEach(async () => {
    [redis, db] = await Promise.all([startRedis(), createTestDatabase()]);
    market = new MarketWriter(db.pool);
    const worker = await createTestApp({ db, settings: { REDIS_URL: redis.url } });
    const gateway = await createTestApp({ db, settings: { REDIS_URL: redis.url, ROLE: 'gateway' } });
    apps = [worker, gateway];
    const key = await worker.key();
    clients = await Promise.all(apps.map((app) => PlainClient.connect(app.url, key)));
    for (const client of clients) await client.ask({ type: 'subscribe', channels: ['prices'] }, 'subscription_result');
    await market.price('coin', 1);
  });

  afterEach(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await Promise.all(apps.map((app) => app.close()));
    await Promise.all([redis.close(), db.drop()]);
  });

  const prices = (client: PlainClient) => client.named('price_update');
  const cursors = (client: PlainClient) =>
    prices(client).map((message) => /"cursor":"([^"]+)"/.exec(JSON.stringify(message))?.[1]);

  /** Returns every price change in the log, as cursors, in order. */
  async function committed(): Promise<string[]> {
    const rows = await apps[0]!.nest.get(EventLog).read(0, 100_000, { types: ['price_change'] });
    return rows.map(({ epoch, seq }) => formatCursor(epoch, seq));
  }

  async function expectBothHaveAll(changes: number): Promise<void> {
    await waitFor(() => clients.every((client) => prices(client).length >= changes), { what: `${changes} changes` });
    const expected = await committed();
    expect(expected).toHaveLength(changes);
    for (const client of clients) {
      expect(cursors(client)).toEqual(expected);
      expect(client.faults).toEqual([]);
    }
  }

  it('deliver a change to the clients of both processes, through Redis', async () => {
    await market.price('coin', 2);
    await expectBothHaveAll(1);
    await waitFor(() => apps[1]!.nest.get(EventFeed).state === 'broker');
  });

  it('lose and repeat no event when subscriptions are cut or Redis returns empty', async () => {
    for (let price = 2; price <= 61; price++) {
      if (price === 15) await redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      if (price === 30) await redis.stop();
      if (price === 45) await redis.restart({ empty: true });
      await market.price('coin', price);
    }
    await expectBothHaveAll(60);
    await waitFor(async () => (await redis.call('EXISTS', 'price:coin')) === 1);
    await waitFor(async () => JSON.parse(String(await redis.call('GET', 'price:coin'))).value === 61);
  });

  it('include a row with an owner in the stream of the other process, in order', async () => {
    const gateway = apps[1]!.nest.get(EventFeed);
    const heard: [number, string | null][] = [];
    gateway.subscribe((batch) => heard.push(...batch.map(({ seq, owner }): [number, string | null] => [seq, owner])));
    const note = { type: 'alert' as const, owner: 'alice', data: { message: 'for alice' }, source: 'test' };
    await apps[0]!.nest.get(Database).transaction((tx) => appendEvents(tx, [note]));
    await market.price('coin', 2);
    await waitFor(() => heard.some(([, owner]) => owner === 'alice') && prices(clients[1]!).length === 1);
    const seqs = heard.map(([seq]) => seq);
    expect(seqs).toEqual(seqs.map((_, index) => seqs[0]! + index));
  });
});
