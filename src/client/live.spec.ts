import fc from 'fast-check';
import { expect, it, vi } from 'vitest';
import { ClientError, type Client, type Filter, type State, type StreamMessage } from './index.js';
import { live } from './live.js';

/** Client without a connection: the test gives what a subscription gets. */
class GivenClient implements Client {
  state: State = 'open';
  readonly filters: Filter[] = [];
  readonly open = new Set<(message: StreamMessage) => unknown>();
  readonly listeners = new Set<(state: State) => unknown>();
  refuse: ((error: ClientError) => unknown) | undefined;

  subscribe(...[filter, handler = () => {}, { onError } = {}]: Parameters<Client['subscribe']>) {
    if (this.state === 'closed') throw new ClientError('closed', 'The client is closed.', false);
    this.filters.push(filter);
    this.open.add(handler);
    this.refuse = onError;
    const unsubscribe = (): void => void this.open.delete(handler);
    return { unsubscribe, position: undefined, update: () => {}, [Symbol.asyncIterator]: () => ({}) as never };
  }

  on(name: string, listener: (value: never) => unknown): () => void {
    if (name === 'state') this.listeners.add(listener as never);
    return () => this.listeners.delete(listener as never);
  }

  give(message: object): void {
    for (const handler of this.open) handler(message as StreamMessage);
  }

  change(state: State): void {
    this.state = state;
    for (const listener of this.listeners) listener(state);
  }

  close(): void {}
}

const COMMON = { chain: null, timestamp: 1, source: 's', confidence: 1, tags: [], cursor: 'a-1', symbol: null };
const item = (token: string, price: number) => ({
  metric: 'price',
  token,
  price,
  volume24h: 0,
  marketCap: 0,
  ...COMMON,
});
const snapshot = (...items: object[]) => ({ eventType: 'snapshot', items, cursor: 'a-1' });
const change = (token: string, currentPrice: number) => ({
  eventType: 'price_change',
  eventId: 'e',
  token,
  currentPrice,
  volume24h: 0,
  marketCap: 0,
  ...COMMON,
});
const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 0));
/** Text of a value that does not depend on the order of fields. */
const text = (value: object) => JSON.stringify(value, [...new Set(JSON.stringify(value).match(/\w+/g))].toSorted());
const noListener = (): void => {};

it('the rows are those of a naive copy, and stay the same object while nothing changes', () => {
  const token = fc.constantFrom('a', 'b', 'c');
  const price = fc.integer({ min: 0, max: 6 });
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('snapshot'),
      items: fc.uniqueArray(fc.tuple(token, price), { selector: ([t]) => t }),
    }),
    fc.record({ kind: fc.constant('change'), items: fc.tuple(fc.tuple(token, price)) }),
    fc.record({ kind: fc.constantFrom('gap', 'recovered', 'waiting', 'open'), items: fc.constant([]) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const client = new GivenClient();
      const store = live(client, { channels: ['prices'], minValue: 1, maxValue: 5 });
      const stop = store.subscribe(noListener);
      let naive = new Map<string, number>();
      for (const { kind, items } of steps) {
        const before = store.getSnapshot();
        const inRange = items.filter(([, value]) => value >= 1 && value <= 5);
        if (kind === 'snapshot') {
          naive = new Map(inRange);
          client.give(snapshot(...inRange.map(([t, p]) => item(t, p))));
        } else if (kind === 'change') {
          for (const [t, p] of items) {
            client.give(change(t, p));
            if (p >= 1 && p <= 5) naive.set(t, p);
            else naive.delete(t);
          }
        } else if (kind === 'waiting' || kind === 'open') client.change(kind);
        else client.give({ eventType: kind });
        const after = store.getSnapshot();
        expect(after.rows.map((row) => row.metric === 'price' && [row.token, row.price])).toEqual([...naive]);
        const isEqual = text(after) === text(before);
        expect(after === before).toBe(isEqual);
        expect(after.rows === before.rows).toBe(text(after.rows) === text(before.rows));
        for (const row of after.rows) {
          const known = before.rows.find((one) => text(one) === text(row));
          expect(known === undefined || known === row).toBe(true);
        }
      }
      stop();
    }),
  );
});

it('calls each listener once for all changes of a turn, and not if nothing changed', async () => {
  const client = new GivenClient();
  const store = live(client, {});
  const [first, second] = [vi.fn<() => void>(), vi.fn<() => void>()];
  const stops = [store.subscribe(first), store.subscribe(first), store.subscribe(second)];
  expect(store.size).toBe(3);
  client.give(snapshot(item('a', 1)));
  client.give(change('a', 2));
  await turn();
  expect([first.mock.calls.length, second.mock.calls.length]).toEqual([2, 1]);
  client.give(snapshot(item('a', 2)));
  await turn();
  expect(second).toHaveBeenCalledTimes(1);
  for (const stop of stops) stop();
  stops[0]?.();
  expect(store.size).toBe(0);
});

it('has one subscription for all listeners, keeps it while they change, and ends it after the last', async () => {
  vi.useFakeTimers();
  try {
    const client = new GivenClient();
    const store = live(client, {});
    expect(client.open.size).toBe(0);
    const first = store.subscribe(noListener);
    first();
    const second = store.subscribe(noListener);
    await vi.advanceTimersByTimeAsync(5_000);
    expect([client.open.size, client.filters.length]).toEqual([1, 1]);
    client.give(snapshot(item('a', 1)));
    second();
    await vi.advanceTimersByTimeAsync(5_000);
    expect([client.open.size, client.listeners.size]).toEqual([0, 0]);
    // The rows stay, known to be old, until the next subscription has replaced them.
    const { rows } = store.getSnapshot();
    expect(store.getSnapshot()).toMatchObject({ status: 'stale', rows: [{ token: 'a' }] });
    store.subscribe(noListener);
    expect(store.getSnapshot().rows).toBe(rows);
    client.give(snapshot(item('a', 1)));
    expect(store.getSnapshot()).toMatchObject({ status: 'live' });
    expect(store.getSnapshot().rows).toBe(rows);
  } finally {
    vi.useRealTimers();
  }
});

it('keeps its rows when it is refused, and tries again', async () => {
  vi.useFakeTimers();
  try {
    const client = new GivenClient();
    const store = live(client, {});
    store.subscribe(noListener);
    client.give(snapshot(item('a', 1)));
    const error = new ClientError('forbidden', 'no', false);
    client.open.clear();
    client.refuse?.(error);
    expect(store.getSnapshot()).toMatchObject({ status: 'failed', error, rows: [{ token: 'a' }] });
    await vi.advanceTimersByTimeAsync(30_000);
    expect(client.open.size).toBe(1);
    client.give(snapshot(item('a', 2)));
    expect(store.getSnapshot()).toMatchObject({ status: 'live', error: undefined, rows: [{ price: 2 }] });
  } finally {
    vi.useRealTimers();
  }
});

it('a listener that fails or leaves does not keep the others from being called', async () => {
  const client = new GivenClient();
  const store = live(client, {});
  const failures: unknown[] = [];
  vi.stubGlobal('reportError', (error: unknown) => failures.push(error));
  const last = vi.fn<() => void>();
  const leave = store.subscribe(() => leave());
  store.subscribe(() => {
    throw new Error('a listener failed');
  });
  store.subscribe(last);
  client.give(snapshot(item('a', 1)));
  client.give(snapshot(item('a', 2)));
  await turn();
  client.give(snapshot(item('a', 3)));
  await turn();
  vi.unstubAllGlobals();
  expect(last).toHaveBeenCalledTimes(2);
  expect([failures.length, store.size]).toEqual([2, 2]);
});

it('a store of a closed client reports it, and does not try again', () => {
  const client = new GivenClient();
  client.state = 'closed';
  const store = live(client, {});
  store.subscribe(noListener);
  expect(store.getSnapshot()).toMatchObject({ status: 'failed', error: { code: 'closed' }, rows: [] });
});

it('a result in another order replaces the rows; changes keep the places', () => {
  const client = new GivenClient();
  const store = live(client, { query: { metric: 'tvl' } });
  store.subscribe(noListener);
  const [a, b, c] = ['a', 'b', 'c'].map((key) => ({ _key: key, tvl: 1 }));
  const keys = () => store.getSnapshot().rows.map(({ _key }) => _key);
  client.give({ eventType: 'query_result', rows: [a, b] });
  client.give({ eventType: 'query_change', added: [c], changed: [{ ...a, tvl: 2 }], removed: [] });
  expect(keys()).toEqual(['a', 'b', 'c']);
  client.give({ eventType: 'query_change', added: [], changed: [], removed: ['b'] });
  expect(keys()).toEqual(['a', 'c']);
  const before = store.getSnapshot();
  client.give({ eventType: 'query_result', rows: [c, { ...a, tvl: 2 }] });
  expect(keys()).toEqual(['c', 'a']);
  expect(store.getSnapshot().rows[1]).toBe(before.rows[0]);
});
