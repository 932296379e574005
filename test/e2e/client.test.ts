import { SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  connect,
  type Client,
  type ClientError,
  type ConnectOptions,
  type DefiEvent,
  type StreamMessage,
} from '../../src/client/index.js';
import { MarketWriter } from '../support/data/market-writer.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { CuttableProxy } from '../support/servers/cuttable-proxy.js';
import { quietFor, waitFor } from '../support/wait-for.js';

const JWT_SECRET = 'a shared secret of sufficient length for HS256';
let app: TestApp;
let key: string;
let market: MarketWriter;
let wire: CuttableProxy;
let wireUrl: string;
const clients: Client[] = [];

beforeAll(async () => {
  app = await createTestApp({ settings: { JWT_SECRET } });
  key = await app.key();
  market = new MarketWriter(app.db.pool);
  wire = new CuttableProxy(app.port);
  wireUrl = await wire.listen();
});
afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});
afterAll(async () => {
  await wire.close();
  await app.close();
});

function open(options: Partial<ConnectOptions> = {}): Client {
  const client = connect({ url: app.url, auth: key, ...options });
  clients.push(client);
  return client;
}

const prices = (messages: readonly StreamMessage[]): (number | undefined)[] =>
  messages.flatMap((message) => (message.eventType === 'price_change' ? [message.currentPrice] : []));
const kinds = (messages: readonly StreamMessage[]) => messages.map(({ eventType }) => eventType);

const waitSoon = (probe: () => unknown) => waitFor(probe, { timeoutMs: 6_000 });

/** Subscribes to a token of price 1, and returns when its changes arrive. */
async function follow(client: Client, token: string, extra: object = {}) {
  await market.price(token, 1);
  const messages: StreamMessage[] = [];
  client.subscribe({ tokens: [token], snapshot: true, ...extra }, (message) => {
    messages.push(message);
  });
  await waitSoon(() => kinds(messages).includes('snapshot'));
  messages.length = 0;
  return { messages };
}

describe.each(['websocket', 'sse'] as const)('the client over %s', (transport) => {
  const name = (text: string) => `${transport}-${text}`;

  it('gives the events that match, to each subscription its own', async () => {
    const client = open({ transport });
    const all = await follow(client, name('own'));
    const large = await follow(client, name('own'), { minValue: 500 });
    for (const price of [10, 600, 20, 30]) await market.price(name('own'), price);
    await waitSoon(() => prices(all.messages).includes(30));
    expect(prices(all.messages)).toEqual([10, 600, 20, 30]);
    // A range also matches the change that leaves it.
    expect(prices(large.messages)).toEqual([600, 20]);
    expect(all.messages[0]).toMatchObject({ eventType: 'price_change', token: name('own'), previousPrice: 1 });
    expect((all.messages[0] as DefiEvent).timestamp).toBeTypeOf('number');
  });

  it('gives everything missed after a loss, once and in order, and says how much', async () => {
    const client = open({ transport, url: wireUrl });
    const { messages } = await follow(client, name('missed'));
    const second = await follow(client, name('missed'), { maxValue: 1_000_000 });
    messages.length = 0;
    wire.cut();
    for (const price of [10, 20, 30]) await market.price(name('missed'), price);
    wire.mend();
    await waitSoon(() => kinds(messages).includes('recovered') && kinds(second.messages).includes('recovered'));
    await market.price(name('missed'), 40);
    await waitSoon(() => prices(messages).includes(40) && prices(second.messages).includes(40));
    for (const seen of [messages, second.messages]) {
      expect(prices(seen)).toEqual([10, 20, 30, 40]);
      expect(seen.find(({ eventType }) => eventType === 'recovered')).toMatchObject({
        count: 3,
        ms: expect.any(Number),
      });
    }
  });

  it('reports a gap and replaces the values in one step if the position has expired', async () => {
    const witness = await follow(open(), name('gap'));
    await market.price(name('gap'), 7);
    await waitSoon(() => prices(witness.messages).includes(7));
    const messages: StreamMessage[] = [];
    open({ transport }).subscribe({ tokens: [name('gap')] }, (message) => messages.push(message), {
      since: 'zzzz-00000000001',
    });
    await waitSoon(() => kinds(messages).includes('snapshot'));
    expect(kinds(messages)).toEqual(['gap', 'snapshot']);
    expect(messages[0]).toMatchObject({ reason: 'epoch', from: 'zzzz-00000000001' });
    expect(messages[1]).toMatchObject({ items: [{ metric: 'price', token: name('gap'), price: 7 }] });
  });

  it('continues from a stored position after a reload', async () => {
    const stored = new Map<string, string>();
    const positions = {
      getItem: (item: string) => stored.get(item) ?? null,
      setItem: (item: string, value: string) => void stored.set(item, value),
    };
    const first = open({ transport, positions });
    const { messages } = await follow(first, name('reload'));
    first.close();
    const witness = await follow(open(), name('reload'));
    for (const price of [2, 3]) await market.price(name('reload'), price);
    await waitSoon(() => prices(witness.messages).includes(3));
    open({ transport, positions }).subscribe({ tokens: [name('reload')], snapshot: true }, (message) =>
      messages.push(message),
    );
    await waitSoon(() => kinds(messages).includes('recovered'));
    expect(prices(messages)).toEqual([2, 3]);
  });

  it('ends with a clear error if the key is refused', async () => {
    const errors: ClientError[] = [];
    const client = open({ transport, auth: 'rta_none_000000000000000000000000000000000000' });
    const read = (async () => {
      for await (const message of client.subscribe({}, undefined, { onError: (error) => errors.push(error) })) {
        throw new Error(message.eventType);
      }
    })();
    await expect(read).rejects.toMatchObject({ code: 'invalid_api_key', retryable: false });
    expect(errors.map(({ code }) => code)).toEqual(['invalid_api_key']);
    expect(client.state).toBe('closed');
  });

  it('ends one subscription with a clear error if its filter is refused, and continues the others', async () => {
    const client = open({ transport });
    const { messages } = await follow(client, name('other'));
    const error = await new Promise<ClientError>((onError) => {
      client.subscribe({ threshold: -1 }, undefined, { onError });
    });
    expect(error).toMatchObject({ code: 'invalid_request', retryable: false });
    await market.price(name('other'), 5);
    await waitSoon(() => prices(messages).includes(5));
  });

  it('renews a token before it expires, without missing an event', async () => {
    let given = 0;
    const sign = () =>
      new SignJWT({ sub: 'renewing' })
        .setProtectedHeader({ alg: 'HS256' })
        .setExpirationTime(Math.floor(Date.now() / 1_000) + (++given === 1 ? 3 : 600))
        .sign(new TextEncoder().encode(JWT_SECRET));
    const client = open({ transport, auth: sign });
    const states: string[] = [];
    const { messages } = await follow(client, name('renewed'));
    client.on('state', (state) => states.push(state));
    const sent: number[] = [];
    for (let price = 10; price < 45; price++) {
      await market.price(name('renewed'), price);
      sent.push(price);
      await quietFor(100);
    }
    await waitSoon(() => prices(messages).length >= sent.length);
    expect(prices(messages)).toEqual(sent);
    expect(given).toBe(2);
    // An event stream cannot take another token, so it begins again.
    expect(states).toEqual(transport === 'websocket' ? [] : ['waiting', 'connecting', 'open']);
  });

  it('iterates, and unsubscribes when the loop is left', async () => {
    const client = open({ transport });
    await market.price(name('loop'), 1);
    const seen: StreamMessage[] = [];
    const subscription = client.subscribe({ tokens: [name('loop')], snapshot: true });
    for await (const message of subscription) {
      seen.push(message);
      if (message.eventType === 'price_change') break;
      await market.price(name('loop'), 2);
    }
    expect(kinds(seen)).toEqual(['snapshot', 'price_change']);
    expect(subscription.position).toBe((seen[1] as DefiEvent).cursor);
  });
});
