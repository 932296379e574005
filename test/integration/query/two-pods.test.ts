import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../../support/servers/create-test-app.js';
import { startRedis, type TestRedis } from '../../support/servers/redis-server.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';
import { waitFor } from '../../support/wait-for.js';

const TRIES = process.env['TEST_LONG'] === '1' ? 10_000 : 150;
const SQL_WRITES = process.env['TEST_LONG'] === '1' ? 1_000 : 20;
const PROTOCOLS = 20;

let redis: TestRedis;
let db: TestDatabase;
let one: TestApp;
let two: TestApp;
let reader: string;
let writer: string;

beforeAll(async () => {
  [redis, db] = await Promise.all([startRedis(), createTestDatabase()]);
  const settings = { REDIS_URL: redis.url, LIMIT_API_REQUESTS: 'free=0,pro=0,enterprise=0' };
  one = await createTestApp({ db, settings });
  two = await createTestApp({ db, settings });
  [reader, writer] = await Promise.all([one.key(), one.key({ role: 'writer' })]);
});
afterAll(async () => {
  await Promise.all([one?.close(), two?.close()]);
  await Promise.all([db?.drop(), redis?.close()]);
});

interface Answer {
  data: Record<string, unknown>[];
  meta: { cache: string; cursor: string };
}

async function ask(pod: TestApp, query: object): Promise<Answer> {
  const answer = await fetch(`${pod.url}/v1/query/advanced`, {
    method: 'POST',
    headers: { authorization: `Bearer ${reader}`, 'content-type': 'application/json' },
    body: JSON.stringify(query),
  });
  expect(answer.status).toBe(200);
  return (await answer.json()) as Answer;
}

async function ingest(pod: TestApp, items: readonly object[]): Promise<string> {
  const answer = await fetch(`${pod.url}/v1/ingest/tvl`, {
    method: 'POST',
    headers: { authorization: `Bearer ${writer}`, 'content-type': 'application/json' },
    body: JSON.stringify({ items }),
  });
  const { cursor, rejected } = (await answer.json()) as { cursor: string; rejected: unknown[] };
  expect(rejected).toEqual([]);
  return cursor;
}

/** Returns queries about a protocol: rows, a group, and its newest recorded value. */
const questions = (protocol: string): [string, object][] => [
  ['tvl', { filters: { protocols: [protocol] } }],
  ['total', { filters: { protocols: [protocol] }, aggregations: [{ field: 'tvl', operation: 'sum', as: 'total' }] }],
  [
    'tvl',
    { filters: { protocols: [protocol] }, time: { from: 'now-1h' }, sort: { field: 'time', order: 'desc' }, limit: 1 },
  ],
  [
    'last',
    {
      filters: { protocols: [protocol] },
      time: { from: 'now-2h', bucket: '1h' },
      aggregations: [{ field: 'tvl', operation: 'sum', as: 'last' }],
      sort: { field: 'time', order: 'desc' },
      limit: 1,
    },
  ],
];

/** Returns the time from now until the first query whose answer had the value, milliseconds; at most 250 are promised. */
async function ageWhenSeen(pod: TestApp, query: object, tvl: number): Promise<number> {
  const committed = performance.now();
  let asked = committed;
  await waitFor(
    async () => {
      asked = performance.now();
      return (await ask(pod, query)).data[0]?.['tvl'] === tvl;
    },
    { everyMs: 5 },
  );
  return asked - committed;
}

describe('queries on two processes', () => {
  it(`see every change up to the given cursor, in ${TRIES} tries`, { timeout: 1_800_000 }, async () => {
    let stale = 0;
    for (let n = 0; n < TRIES; n++) {
      const [from, to] = n % 2 === 0 ? [one, two] : [two, one];
      const protocol = `p${n % PROTOCOLS}`;
      // No value occurs twice, and each is far enough from the previous one to be published.
      const tvl = (Math.floor(n / PROTOCOLS) % 2 === 0 ? 1_000_000 : 2_000_000) + n;
      const [column, query] = questions(protocol)[Math.floor(n / PROTOCOLS) % 4] ?? ['', {}];
      // Asked before the write as well, so that an answer without the change is in the caches.
      await ask(to, query);
      const cursor = await ingest(from, [{ protocol, chain: 'ethereum', tvl }]);
      const { data } = await ask(to, { ...query, at_least: cursor });
      if (data[0]?.[column] !== tvl) stale++;
    }
    expect(stale).toBe(0);
  });

  it(`see a SQL write on both processes without a cursor, in ${SQL_WRITES} tries`, async () => {
    const query = { filters: { protocols: ['p1'] } };
    const fastest = [Infinity, Infinity];
    for (let n = 0; n < SQL_WRITES; n++) {
      const tvl = (n % 2 === 0 ? 77 : 99) + n / 1_000;
      // Asked before the write as well, so that an answer without the change is in the caches.
      await Promise.all([ask(one, query), ask(two, query)]);
      await db.pool.query(`UPDATE protocol_tvl SET tvl = $1, observed_at = now() WHERE protocol = 'p1'`, [tvl]);
      const ages = await Promise.all([one, two].map((pod) => ageWhenSeen(pod, query, tvl)));
      for (const [pod, age] of ages.entries()) fastest[pod] = Math.min(fastest[pod] ?? Infinity, age);
    }
    // With a cache that only expires with time, the answers would be about four seconds old.
    expect(Math.max(...fastest)).toBeLessThan(2_000);
  });

  it('share cached results through Redis', async () => {
    const query = { filters: { protocols: ['p2'] }, sort: { field: 'chain', order: 'asc' } };
    const { meta } = await ask(one, query);
    expect(meta.cache).toBe('miss');
    const kept = async () => ((await redis.call('KEYS', '*query_result:*')) as string[]).length > 0;
    await waitFor(kept);
    expect((await ask(two, query)).meta.cache).toBe('hit');
  });

  it('continue without Redis, and report the cache as off', async () => {
    await redis.stop();
    const query = { filters: { protocols: ['p3'] } };
    const unavailable = await waitFor(async () => {
      const answer = await ask(one, query);
      return answer.meta.cache === 'off' && answer;
    });
    expect(unavailable.data).toHaveLength(1);
    expect((await ask(one, query)).meta.cache).toBe('off');
  });
});
