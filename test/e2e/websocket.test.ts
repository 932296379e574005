import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { WebSocket } from 'ws';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { MarketWriter } from '../support/data/market-writer.js';
import { PlainClient, type Message } from '../support/clients/plain-client.js';
import { waitFor } from '../support/wait-for.js';

let app: TestApp;
let key: string;
let market: MarketWriter;
const clients: PlainClient[] = [];

beforeAll(async () => {
  app = await createTestApp();
  key = await app.key();
  market = new MarketWriter(app.db.pool);
});

afterAll(() => app.close());

afterEach(async () => {
  const faults = clients.flatMap((client) => client.faults);
  await Promise.all(clients.splice(0).map((client) => client.close()));
  if (faults.length > 0) throw new Error(faults.join('\n'));
});

function use(client: PlainClient): PlainClient {
  clients.push(client);
  return client;
}

async function connect(path = '/ws', apiKey = key): Promise<PlainClient> {
  return use(await PlainClient.connect(app.url, apiKey, path));
}

describe('the WebSocket examples of the specification', () => {
  it('authenticate, subscribe and receive TVL and price updates', async () => {
    await market.protocol('uniswap-v3', 'Uniswap V3');
    await market.tvl('uniswap-v3', 'ethereum', 5_000_000_000);
    await market.price('snippet-coin', 100);
    const received: Message[] = [];
    const ws = new WebSocket(app.url.replace('http', 'ws'));
    ws.on('error', () => {});

    ws.onopen = () => {
      // Authenticate
      ws.send(
        JSON.stringify({
          type: 'authenticate',
          apiKey: key,
        }),
      );

      // Subscribe to channels
      ws.send(
        JSON.stringify({
          type: 'subscribe',
          channels: ['prices', 'protocols'],
          filters: {
            protocolIds: ['uniswap-v3', 'aave-v3'],
          },
        }),
      );
    };
    ws.onmessage = (event) => {
      received.push(JSON.parse(event.data as string) as Message);
    };

    const result = await waitFor(() => received.find(({ type }) => type === 'subscription_result'));
    expect(result['results']).toMatchObject([
      { channel: 'prices', status: 'subscribed' },
      { channel: 'protocols', status: 'subscribed' },
    ]);
    expect(received.map(({ type }) => type).slice(0, 3)).toEqual(['connected', 'authenticated', 'subscription_result']);
    await app.db.pool.query(`UPDATE protocol_tvl SET tvl = 5200000000 WHERE protocol = 'uniswap-v3'`);
    const tvl = await waitFor(() => received.find(({ type }) => type === 'tvl_update'));
    expect(tvl).toMatchObject({ channel: 'protocols', data: { protocol: 'uniswap-v3', tvl: 5_200_000_000 } });
    await app.db.pool.query(`UPDATE token_prices SET price = 110 WHERE token = 'snippet-coin'`);
    const price = await waitFor(() => received.find(({ type }) => type === 'price_update'));
    expect(price).toMatchObject({
      channel: 'prices',
      data: { coin: 'snippet-coin', tokenId: 'snippet-coin', price: 110 },
    });
    expect(price['timestamp']).toBeTypeOf('number');
    expect((price['data'] as Message)['timestamp']).toBeTypeOf('number');
    ws.terminate();
  });

  it('connect with a key in the URL, ping, subscribe with filters and unsubscribe', async () => {
    const client = await connect('');
    expect(await client.ask({ type: 'ping' }, 'pong')).toMatchObject({ timestamp: expect.any(Number) });
    const result = await client.ask(
      {
        type: 'subscribe',
        channels: ['prices', 'protocols', 'alerts'],
        filters: {
          protocolIds: ['uniswap-v3', 'aave-v3'],
          tokenIds: ['ethereum', 'bitcoin'],
          chains: ['ethereum', 'polygon'],
          minValue: 1000,
          maxValue: 1000000,
          threshold: 0.03,
        },
      },
      'subscription_result',
    );
    // The threshold is rounded down to a step.
    const subscribed = { status: 'subscribed', filters: { minValue: 1000, threshold: 0.02 } };
    expect(result['results']).toMatchObject([subscribed, subscribed, subscribed]);
    const left = await client.ask({ type: 'unsubscribe', channels: ['prices'] }, 'unsubscription_result');
    expect(left['results']).toEqual([{ channel: 'prices', status: 'unsubscribed' }]);
  });

  it('use the `action` dialect with `events:*` channels', async () => {
    await market.price('action-coin', 2500);
    const client = await connect('/v1/realtime');
    const confirmed = await client.ask(
      {
        action: 'subscribe',
        channels: ['events:prices', 'events:protocol:uniswap-v3'],
        filters: { tokenIds: ['action-coin'], chains: ['ethereum', 'polygon'] },
      },
      'subscription_confirmed',
    );
    expect(confirmed['subscription']).toMatchObject({
      channels: ['events:prices', 'events:protocol:uniswap-v3'],
      filters: { tokenIds: ['action-coin'], chains: ['ethereum', 'polygon'] },
      subscribedAt: expect.any(Number),
    });
    await market.price('action-coin', 2750);
    expect(await client.next('price_update')).toMatchObject({
      channel: 'events:prices',
      data: { tokenId: 'action-coin', currentPrice: 2750, changePercent: 10 },
    });
  });
});

describe('WebSocket subscriptions', () => {
  it('receive an event that matches several channels once, with all channel names', async () => {
    await market.price('twice-coin', 100, { chain: 'ethereum' });
    const client = await connect();
    const channels = ['events:token:twice-coin', 'prices', 'events:chain:ethereum'];
    client.send({ type: 'subscribe', channels, id: 'mixed' });
    expect(await client.next('subscription_result')).toMatchObject({ id: 'mixed', results: [{ channel: 'prices' }] });
    expect(await client.next('subscription_confirmed')).toMatchObject({
      id: 'mixed',
      subscription: { channels: [channels[0], channels[2]] },
    });
    await market.price('twice-coin', 120, { chain: 'ethereum' });
    expect(await client.next('price_update')).toMatchObject({ channel: channels[0], channels });
    await client.ask({ type: 'ping' }, 'pong');
    expect(client.named('price_update')).toHaveLength(1);
  });

  it('report unknown channel names and accept the other channels of the message', async () => {
    const client = await connect();
    const result = await client.ask(
      { type: 'subscribe', channels: ['tvl', 'nonsense', 'events:token:'], id: 3 },
      'subscription_result',
    );
    expect(result).toMatchObject({ id: 3 });
    expect((result['results'] as Message[]).map(({ status }) => status)).toEqual(['subscribed', 'error', 'error']);
  });

  it('replace the filters of a channel subscribed again', async () => {
    await market.price('old-coin', 100);
    await market.price('new-coin', 100);
    const client = await connect();
    await client.ask(
      { type: 'subscribe', channels: ['prices'], filters: { tokenIds: ['old-coin'] } },
      'subscription_result',
    );
    await client.ask(
      { type: 'subscribe', channels: ['prices'], filters: { tokenIds: ['new-coin'] } },
      'subscription_result',
    );
    const { subscriptions } = await client.ask({ type: 'subscriptions' }, 'subscriptions');
    expect(subscriptions).toMatchObject([{ channel: 'prices', filters: { tokenIds: ['new-coin'] } }]);
    await market.price('old-coin', 200);
    await market.price('new-coin', 200);
    expect(await client.next('price_update')).toMatchObject({ data: { coin: 'new-coin' } });
    expect(client.named('price_update')).toHaveLength(1);
  });

  it('update the filters of all channels and keep the event types of each channel', async () => {
    await market.price('filter-coin', 100);
    await market.tvl('filter-protocol', 'base', 100);
    const client = await connect();
    await client.ask({ type: 'subscribe', channels: ['prices'] }, 'subscription_result');
    const updated = await client.ask(
      { action: 'update_filters', filters: { tokenIds: ['coingecko:Filter-Coin'], chains: ['Base'] }, id: 'u' },
      'filters_updated',
    );
    expect(updated).toMatchObject({
      id: 'u',
      channels: ['prices'],
      filters: { tokenIds: ['filter-coin'], chains: ['base'] },
    });
    await market.tvl('filter-protocol', 'base', 200);
    await market.price('filter-coin', 120);
    expect(await client.next('price_update')).toMatchObject({ data: { coin: 'filter-coin' } });
    expect(client.named('tvl_update')).toEqual([]);
  });

  it('refuse to update a channel that is not subscribed', async () => {
    const client = await connect();
    const refused = await client.ask({ type: 'update_filters', channels: ['tvl'], filters: {} }, 'error');
    expect(refused).toMatchObject({ error: { code: 'not_found', field: 'channels' } });
  });

  it.each(['update_filters', 'unsubscribe'])(
    'refuse `%s` with a subscription id in place of the message id',
    async (type) => {
      const client = await connect();
      await client.ask({ type: 'subscribe', channels: ['tvl', 'prices'] }, 'subscription_result');
      const before = (await client.ask({ type: 'subscriptions' }, 'subscriptions'))['subscriptions'];
      const filters = type === 'update_filters' ? { filters: { chains: ['base'] } } : {};
      expect(await client.ask({ type, id: 's1', ...filters }, 'error')).toMatchObject({
        error: { code: 'invalid_request' },
      });
      expect((await client.ask({ type: 'subscriptions' }, 'subscriptions'))['subscriptions']).toEqual(before);
    },
  );

  it('are all removed by `unsubscribe` without channels', async () => {
    const client = await connect();
    await client.ask({ type: 'subscribe', channels: ['tvl', 'prices'] }, 'subscription_result');
    const left = await client.ask({ type: 'unsubscribe' }, 'unsubscription_result');
    expect(new Set((left['results'] as Message[]).map(({ channel }) => channel))).toEqual(new Set(['prices', 'tvl']));
    const none = await client.ask({ type: 'unsubscribe', channels: ['tvl'] }, 'unsubscription_result');
    expect(none['results']).toEqual([{ channel: 'tvl', status: 'not_subscribed' }]);
    expect(await client.ask({ type: 'stats' }, 'stats')).toMatchObject({
      connection: { subscriptions: 0, mode: 'all' },
    });
  });

  it('receive a snapshot first and then live events', async () => {
    await market.price('snap-coin', 100);
    const client = await connect();
    const filters = { tokenIds: ['snap-coin'] };
    await waitFor(async () => {
      await client.ask(
        { type: 'subscribe', channels: ['events:prices'], filters, snapshot: true },
        'subscription_confirmed',
      );
      return client.named('snapshot').some(({ items }) => (items as unknown[]).length === 1);
    });
    const { items } = client.named('snapshot').at(-1)!;
    expect(items).toMatchObject([{ metric: 'price', token: 'snap-coin', price: 100, timestamp: expect.any(Number) }]);
    await market.price('snap-coin', 150);
    expect(await client.next('price_update')).toMatchObject({ data: { previousPrice: 100, price: 150 } });
  });

  it('in mode `latest` receive the newest event per key and interval', async () => {
    await market.price('latest-coin', 100);
    const client = await connect();
    const filters = { tokenIds: ['latest-coin'] };
    await client.ask(
      { type: 'subscribe', channels: ['prices'], filters, mode: 'latest', intervalMs: 2_000 },
      'subscription_result',
    );
    for (const price of [110, 121, 133]) await market.price('latest-coin', price);
    const seen: Message[] = [];
    do seen.push(await client.next('price_update'));
    while ((seen.at(-1)!['data'] as Message)['price'] !== 133);
    expect(seen.length).toBeLessThan(3);
    expect(seen.reduce((sum, { merged }) => sum + Number(merged), 0)).toBe(3);
  });

  it('with a 5 % threshold receive four of 22 events in a fall of 20 %', async () => {
    await market.tvl('slide', 'ethereum', 1_000_000);
    const client = await connect();
    const filters = { protocolIds: ['slide'], threshold: 0.05 };
    await client.ask({ type: 'subscribe', channels: ['events:tvl'], filters }, 'subscription_confirmed');
    await client.ask(
      { type: 'subscribe', channels: ['tvl'], filters: { protocolIds: ['slide'] } },
      'subscription_result',
    );
    for (let step = 1; step <= 22; step++) await market.tvl('slide', 'ethereum', 1_000_000 * 0.99 ** step);
    await waitFor(() => client.named('tvl_update').length === 22);
    const crossing = client.named('tvl_update').filter(({ channels }) => (channels as string[]).includes('events:tvl'));
    expect(crossing).toHaveLength(4);
  });
});

describe('the AsyncAPI document of the realtime messages', () => {
  it('is served as YAML without a key', async () => {
    const answer = await fetch(`${app.url}/asyncapi.yaml`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/yaml; charset=utf-8');
    const text = await answer.text();
    expect(text).toMatch(/^asyncapi: 3\.0\.0\n/);
    const { servers } = parse(text) as { servers: Record<string, { host: string }> };
    const hosts = Object.values(servers).map(({ host }) => host);
    expect(new Set(hosts)).toEqual(new Set([new URL(app.url).host]));
  });
});
