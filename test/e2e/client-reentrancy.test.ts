import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connect, type Client, type Filter, type StreamMessage, type Subscription } from '../../src/client/index.js';
import { MarketWriter } from '../support/data/market-writer.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { CuttableProxy } from '../support/servers/cuttable-proxy.js';
import { quietFor, waitFor } from '../support/wait-for.js';

let app: TestApp;
let key: string;
let market: MarketWriter;
let wire: CuttableProxy;
let url: string;
let clients: Client[] = [];
const unhandled: unknown[] = [];
const note = (error: unknown) => unhandled.push(error);

beforeAll(async () => {
  process.on('unhandledRejection', note);
  app = await createTestApp();
  key = await app.key();
  market = new MarketWriter(app.db.pool);
  wire = new CuttableProxy(app.port);
  url = await wire.listen();
});
afterEach(() => {
  for (const client of clients) client.close();
  clients = [];
});
afterAll(async () => {
  process.off('unhandledRejection', note);
  await wire.close();
  await app.close();
});

type Transport = 'websocket' | 'sse';
const TRANSPORTS: readonly Transport[] = ['websocket', 'sse'];
const CALLS = ['unsubscribe', 'subscribe again', 'close', 'change filter', 'throw', 'reject', 'never resolve'] as const;
const PHASES = ['replay', 'live'] as const;
/** Messages at which the handler acts. */
const KINDS = ['price_change', 'recovered', 'snapshot', 'gap'] as const;

const cases = TRANSPORTS.flatMap((transport) =>
  PHASES.flatMap((phase) =>
    KINDS.filter((kind) => phase === 'replay' || kind === 'price_change').flatMap((kind) =>
      CALLS.map((call) => ({ transport, phase, kind, call })),
    ),
  ),
);

const pricesOf = (messages: readonly StreamMessage[]) =>
  messages.flatMap((message) => (message.eventType === 'price_change' ? [message.currentPrice] : []));

/** Application whose handler makes one call at its first message of a kind, and notes everything that it gets. */
class Application {
  readonly messages: StreamMessage[] = [];
  /** Messages of the subscription that the handler made. */
  readonly again: StreamMessage[] = [];
  /** Messages that came after the end. */
  readonly late: StreamMessage[] = [];
  readonly errors: unknown[] = [];
  readonly client: Client;
  private subscription: Subscription | undefined;
  private hasActed = false;
  private hasEnded = false;

  constructor(
    transport: Transport,
    private readonly filter: Filter,
    private readonly kind: string,
    private readonly call: (typeof CALLS)[number],
  ) {
    this.client = connect({ url, auth: key, transport });
    clients.push(this.client);
    this.client.on('error', (error) => this.errors.push(error));
  }

  subscribe(since?: string): void {
    this.subscription = this.client.subscribe(this.filter, (message) => this.take(message), since ? { since } : {});
  }

  private take(message: StreamMessage): unknown {
    (this.hasEnded ? this.late : this.messages).push(message);
    if (this.hasActed || message.eventType !== this.kind) return undefined;
    this.hasActed = true;
    return this.act();
  }

  private act(): unknown {
    switch (this.call) {
      case 'unsubscribe':
        this.hasEnded = true;
        return this.subscription?.unsubscribe();
      case 'close':
        this.hasEnded = true;
        return this.client.close();
      case 'subscribe again':
        this.client.subscribe(this.filter, (message) => this.again.push(message));
        return undefined;
      case 'change filter':
        return this.subscription?.update({ ...this.filter, threshold: 0 } as Filter);
      case 'throw':
        throw new Error('a handler failed');
      case 'reject':
        return Promise.reject(new Error('a handler failed later'));
      default:
        return new Promise(() => {});
    }
  }
}

describe('a handler that calls the client', () => {
  it.each(cases)('$transport, $phase: at $kind it may $call', async ({ transport, phase, kind, call }) => {
    const token = `re-${cases.findIndex((one) => one.transport === transport && one.phase === phase && one.kind === kind && one.call === call)}`;
    await market.price(token, 1);
    const witness: StreamMessage[] = [];
    const other = connect({ url: app.url, auth: key });
    clients.push(other);
    const filter: Filter = { tokens: [token], snapshot: true };
    const followed = other.subscribe(filter, (message) => witness.push(message));
    await waitFor(() => witness.length > 0);
    const since = kind === 'gap' || kind === 'snapshot' ? 'zzzz-00000000001' : followed.position;
    const application = new Application(transport, filter, kind, call);
    const isReplayed = kind === 'price_change' || kind === 'recovered';
    const write = async (prices: readonly number[]) => {
      for (const price of prices) await market.price(token, price);
      await waitFor(() => pricesOf(witness).includes(prices.at(-1)!));
    };
    if (phase === 'replay') await write([10, 20, 30]);
    application.subscribe(phase === 'replay' ? since : undefined);
    const { messages } = application;
    await waitFor(() =>
      phase === 'live' ? messages.length > 0 : messages.some(({ eventType }) => eventType === kind),
    );
    if (phase === 'replay' && call !== 'unsubscribe' && call !== 'close') {
      const last = isReplayed ? 'recovered' : 'snapshot';
      await waitFor(() => messages.some(({ eventType }) => eventType === last) || call === 'change filter');
      await quietFor(100);
    }
    await write([40]);
    await quietFor(50);
    await write([50]);
    const replayed = phase === 'replay' && isReplayed ? [10, 20, 30] : [];
    const ends = call === 'unsubscribe' || call === 'close';
    const all = [...replayed, 40, 50];
    const expected = ends ? (kind === 'price_change' ? all.slice(0, 1) : replayed) : all;
    if (!ends) await waitFor(() => pricesOf(messages).includes(50));
    await quietFor(50);
    expect(pricesOf(messages)).toEqual(kind === 'gap' && ends ? [] : expected);
    expect(application.late).toEqual([]);
    const again = phase === 'live' ? [50] : [40, 50];
    expect(pricesOf(application.again)).toEqual(call === 'subscribe again' ? again : []);
    const failures = call === 'throw' || call === 'reject' ? 1 : 0;
    expect(application.errors).toHaveLength(failures);
    expect(unhandled).toEqual([]);
  });
});

it.each(TRANSPORTS)('a closed client gives nothing and refuses subscriptions: %s', async (transport) => {
  await market.price('closed', 1);
  const messages: StreamMessage[] = [];
  const client = connect({ url: app.url, auth: key, transport });
  const states: string[] = [];
  client.on('state', (state) => {
    states.push(state);
    if (state === 'closed') client.subscribe({});
  });
  const subscription = client.subscribe({ tokens: ['closed'], snapshot: true }, (message) => messages.push(message));
  await waitFor(() => messages.length > 0);
  client.close();
  const given = [...messages];
  client.close();
  expect(() => client.subscribe({})).toThrow('closed');
  subscription.unsubscribe();
  subscription.update({ tokens: ['other'] });
  await market.price('closed', 2);
  await quietFor(200);
  expect(messages).toEqual(given);
  expect(states.at(-1)).toBe('closed');
  expect(await subscription[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined });
  expect(unhandled).toEqual([]);
});
