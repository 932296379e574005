import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { StreamClient } from '../support/clients/event-stream.js';
import { PlainClient } from '../support/clients/plain-client.js';
import { QueryFollower, QueryView, type LiveRow } from '../support/clients/query-view.js';
import { waitFor } from '../support/wait-for.js';

const seed = Number(process.env['TEST_SEED'] ?? Date.now() % 2 ** 31);
const ROUNDS = process.env['TEST_LONG'] === '1' ? 150 : 12;
/** Number of rounds after which the Socket.IO client disconnects and reconnects. */
const RECONNECT_EVERY = 4;

/** Queries of different kinds, each with the columns that identify its rows. */
const QUERIES: [query: Record<string, unknown>, key: string[]][] = [
  [{ aggregations: [{ field: 'tvl', operation: 'sum', group_by: 'chain' }] }, ['chain']],
  [{ filters: { chains: ['ethereum'] }, sort: { field: 'tvl', order: 'desc' }, limit: 2 }, ['protocol', 'chain']],
  [
    {
      aggregations: [
        { field: 'tvl', operation: 'max', group_by: ['category', 'chain'], as: 'most' },
        { operation: 'count', group_by: ['category', 'chain'] },
      ],
      having: { field: 'most', op: 'gte', value: 10 },
    },
    ['category', 'chain'],
  ],
  [
    {
      filters: { protocols: ['aave', 'lido'] },
      time: { from: 'now-90d', bucket: '1mo' },
      aggregations: [{ field: 'tvl', operation: 'sum', over_time: 'max', group_by: 'protocol' }],
    },
    ['time', 'protocol'],
  ],
  [
    { dataset: 'prices', where: { field: 'price', op: 'gt', value: 5 }, sort: { field: 'price', order: 'asc' } },
    ['token'],
  ],
  [{ dataset: 'protocols', filters: { categories: ['Dexs'] } }, ['protocol']],
  [{ dataset: 'events', where: { field: 'event_type', op: 'ne', value: 'alert' }, limit: 5 }, ['seq']],
];

let app: TestApp;
let key: string;
let plain: PlainClient;
let socket: QueryFollower;
let streams: StreamClient[];

beforeAll(async () => {
  app = await createTestApp({
    settings: { LIMIT_API_REQUESTS: 'enterprise=0', LIMIT_SUBSCRIPTION_CHANGES: 'enterprise=0' },
  });
  key = await app.key();
  plain = await PlainClient.connect(app.url, key);
  streams = await Promise.all(
    QUERIES.map(([query]) =>
      StreamClient.ready(app.url, `apiKey=${key}&query=${encodeURIComponent(JSON.stringify(query))}`),
    ),
  );
  for (const [query] of QUERIES) await plain.ask({ action: 'subscribe', query }, 'subscription_confirmed');
  await connectSocket();
});
afterAll(async () => {
  socket?.close();
  for (const stream of streams ?? []) stream.close();
  await plain?.close();
  await app?.close();
});

let ids: string[] = [];

async function connectSocket(): Promise<void> {
  socket?.close();
  socket = new QueryFollower(app.url, key);
  ids = [];
  for (const [query] of QUERIES) ids.push((await socket.subscribe(query)).subscription.id as string);
}

type Write =
  | { kind: 'tvl'; protocol: string; chain: string; value: number }
  | { kind: 'price'; token: string; value: number }
  | { kind: 'category'; protocol: string; category: string | null };
const protocol = fc.constantFrom('aave', 'lido', 'curve');
/** Values so far apart that every change is published. */
const value = fc.constantFrom(0, 3, 10, 40, 100);
const writes: fc.Arbitrary<Write[]> = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('tvl' as const),
        protocol,
        chain: fc.constantFrom('ethereum', 'base', 'all'),
        value,
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ kind: fc.constant('price' as const), token: fc.constantFrom('bitcoin', 'dai'), value }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('category' as const),
        protocol,
        category: fc.constantFrom('Dexs', 'Lending', null),
      }),
    },
  ),
  { minLength: 1, maxLength: 8 },
);

/** Writes only changed rows: writing a row unchanged causes no event but changes its time of observation. */
async function write(given: Write): Promise<void> {
  const { pool } = app.db;
  if (given.kind === 'tvl') {
    await pool.query(
      `INSERT INTO protocol_tvl AS r (protocol, chain, tvl) VALUES ($1, $2, $3) ON CONFLICT (protocol, chain)
       DO UPDATE SET tvl = excluded.tvl, observed_at = now() WHERE r.tvl <> excluded.tvl`,
      [given.protocol, given.chain, given.value],
    );
  } else if (given.kind === 'price') {
    await pool.query(
      `INSERT INTO token_prices AS r (token, price) VALUES ($1, $2) ON CONFLICT (token)
       DO UPDATE SET price = excluded.price, observed_at = now() WHERE r.price <> excluded.price`,
      [given.token, given.value],
    );
  } else {
    await pool.query(
      `INSERT INTO protocols AS r (slug, name, category) VALUES ($1, $1, $2) ON CONFLICT (slug)
       DO UPDATE SET category = excluded.category, updated_at = now() WHERE r.category IS DISTINCT FROM excluded.category`,
      [given.protocol, given.category],
    );
  }
}

/** Returns the position of the log when it contains all writes. */
async function head(): Promise<string> {
  const { pool } = app.db;
  await waitFor(async () => (await pool.query('SELECT FROM change_outbox')).rowCount === 0);
  const { rows } = await pool.query<{ cursor: string }>(
    'SELECT log_cursor(epoch, newest_seq()) AS cursor FROM log_head',
  );
  return rows[0]?.cursor ?? '';
}

/** Returns the rows of the query API at a position or later. */
async function fresh(place: number, atLeast: string): Promise<string[]> {
  const [query, columns] = QUERIES[place] ?? [{}, []];
  const answer = await fetch(`${app.url}/v1/query/advanced`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ...query, at_least: atLeast }),
  });
  const { data } = (await answer.json()) as { data: Record<string, unknown>[] };
  return data.map((row) => shown({ ...row, _key: JSON.stringify(columns.map((name) => row[name] ?? null)) })).sort();
}

function shown(row: LiveRow): string {
  return JSON.stringify(Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function viewOf(messages: readonly { name: string; body: unknown }[]): QueryView {
  const view = new QueryView();
  for (const { name, body } of messages) view.take(name, body);
  return view;
}

it(
  `live queries match a new query on every transport after random changes (seed ${seed})`,
  { timeout: process.env['TEST_LONG'] === '1' ? 1_200_000 : 180_000 },
  async () => {
    for (const [round, batch] of fc.sample(writes, { numRuns: ROUNDS, seed }).entries()) {
      for (const given of batch) await write(given);
      const position = await head();
      if (round % RECONNECT_EVERY === RECONNECT_EVERY - 1) await connectSocket();
      for (const place of QUERIES.keys()) {
        const id = ids[place] ?? '';
        let seen: unknown;
        const agree = async () => {
          const right = await fresh(place, position);
          const views = {
            socket: socket.view,
            plain: viewOf(plain.messages.map((body) => ({ name: body.type, body }))),
            stream: viewOf(streams[place]?.events ?? []),
          };
          const differing = Object.entries(views).filter(
            ([, view]) => view.of(id)?.map(shown).sort().join() !== right.join(),
          );
          seen = { query: QUERIES[place]?.[0], right, differing: differing.map(([name, view]) => [name, view.of(id)]) };
          return differing.length === 0;
        };
        await waitFor(agree, { timeoutMs: 20_000 }).catch((error: unknown) => {
          throw new Error(`round ${round}: ${JSON.stringify(seen)}`, { cause: error });
        });
      }
      const views = [
        socket.view,
        viewOf(plain.messages.map((body) => ({ name: body.type, body }))),
        ...streams.map((stream) => viewOf(stream.events)),
      ];
      expect(views.flatMap(({ faults }) => faults)).toEqual([]);
    }
    expect([...socket.faults, ...plain.faults, ...streams.flatMap(({ faults }) => faults)]).toEqual([]);
  },
);
