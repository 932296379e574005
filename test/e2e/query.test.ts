import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { REQUEST_EXAMPLES } from '../../src/query/query.examples.js';
import { HistoryBackfill } from '../../src/events/index.js';
import { createTestApp, type TestApp } from '../support/create-test-app.js';
import { waitFor } from '../support/wait-for.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

interface Answer {
  status: number;
  headers: Headers;
  text: string;
  body: {
    data: Record<string, unknown>[];
    page: { next_cursor: string | null; has_more: boolean };
    meta: Record<string, unknown>;
    explain?: Record<string, unknown>;
    code?: string;
    errors?: { pointer: string; code: string; detail: string }[];
  };
}

let app: TestApp;
let key: string;
/** Midnight two days ago: everything before it is closed. */
const midnight = Math.floor(Date.now() / DAY_MS) * DAY_MS - 2 * DAY_MS;
const iso = (at: number): string => new Date(at).toISOString();

beforeAll(async () => {
  app = await createTestApp({ settings: { LIMIT_API_REQUESTS: 'free=0,pro=0,enterprise=0' } });
  key = await app.key();
  await app.db.pool.query(`INSERT INTO protocols (slug, name, category, chains) VALUES
    ('aave-v3', 'Aave V3', 'Lending', '{ethereum,polygon}'), ('uniswap-v3', 'Uniswap V3', 'Dexs', '{ethereum}'),
    ('lido', 'Lido', 'Liquid Staking', '{ethereum}')`);
  await app.db.pool.query(`INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('aave-v3', 'ethereum', 3000000),
    ('aave-v3', 'polygon', 1000000), ('aave-v3', 'borrowed', 9000000), ('uniswap-v3', 'ethereum', 5000000), ('lido', 'ethereum', 20000000),
    ('total', 'all', 70)`);
  await app.db.pool.query(
    `INSERT INTO token_prices (token, symbol, chain, price) VALUES ('bitcoin', 'BTC', 'bitcoin', 100)`,
  );
  const point = (subject: string, chain: string, at: number, value: number) => ({
    metric: 'tvl' as const,
    subject,
    chain,
    at,
    value,
  });
  await app.nest
    .get(HistoryBackfill)
    .insert([
      point('aave-v3', 'ethereum', Date.now() - DAY_MS - HOUR_MS, 2_900_000),
      point('aave-v3', 'polygon', Date.now() - DAY_MS - HOUR_MS, 1_000_000),
      point('uniswap-v3', 'ethereum', midnight, 10),
      point('uniswap-v3', 'ethereum', midnight + 600_000, 30),
      point('aave-v3', 'ethereum', midnight + 60_000, 5),
      point('aave-v3', 'ethereum', midnight + 2 * HOUR_MS, 7),
    ]);
  await waitFor(
    async () =>
      (await ask({ dataset: 'events', where: { field: 'event_type', op: 'eq', value: 'protocol_update' } })).body.data
        .length === 3,
  );
});
afterAll(() => app?.close());

async function ask(body: unknown, headers: Record<string, string> = {}, method = 'POST'): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const init: RequestInit = {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
  };
  const answer = await fetch(`${app.url}/v1/query/advanced`, { ...init, body: text });
  const answered = await answer.text();
  const isJson = answer.headers.get('content-type')?.includes('json');
  return {
    status: answer.status,
    headers: answer.headers,
    text: answered,
    body: isJson ? JSON.parse(answered) : undefined,
  };
}

describe('current rows', () => {
  test('the flat form filters rows before it groups them, and counts those without history', async () => {
    const { status, body } = await ask(REQUEST_EXAMPLES['filters']?.value);
    expect(status).toBe(200);
    expect(body.data).toEqual([
      { chain: 'ethereum', sum_tvl: 3_000_000 },
      { chain: 'polygon', sum_tvl: 1_000_000 },
    ]);
    // Uniswap's last value is of days ago, and far from what it is now: it is out, but not for want of history.
    expect(body.meta).toMatchObject({ source: 'current', excluded: 0 });
  });

  test('pseudo chains count nowhere unless they are asked for', async () => {
    const total = { aggregations: [{ field: 'tvl', operation: 'sum' }] };
    expect((await ask(total)).body.data).toEqual([{ sum_tvl: 29_000_070 }]);
    const named = { ...total, filters: { chains: ['borrowed'] } };
    expect((await ask(named)).body.data).toEqual([{ sum_tvl: 9_000_000 }]);
  });

  test('trees of conditions, like, and not', async () => {
    const { body } = await ask({
      where: {
        and: [
          { field: 'name', op: 'like', value: '%V3' },
          { not: { field: 'chain', op: 'eq', value: 'Polygon' } },
          { field: 'tvl', op: 'lt', value: 9e6 },
        ],
      },
    });
    expect(body.data.map((row) => row['protocol'])).toEqual(['uniswap-v3', 'aave-v3']);
  });

  test('pages walk the whole set in order', async () => {
    const seen: unknown[] = [];
    let cursor: string | null = null;
    do {
      const { body }: Answer = await ask({
        limit: 2,
        sort: { field: 'name', order: 'asc' },
        ...(cursor && { cursor }),
      });
      seen.push(...body.data.map((row) => `${String(row['protocol'])} ${String(row['chain'])}`));
      cursor = body.page.next_cursor;
    } while (cursor !== null);
    expect(seen).toEqual(['aave-v3 ethereum', 'aave-v3 polygon', 'lido ethereum', 'uniswap-v3 ethereum', 'total all']);
  });

  test('groups walk in pages too, and having leaves some out', async () => {
    const query = {
      aggregations: [{ field: 'tvl', operation: 'max', group_by: ['protocol', 'chain'] }],
      having: { field: 'max_tvl', op: 'gt', value: 1_000_000 },
      limit: 2,
    };
    const first = await ask(query);
    expect(first.body.data.map((row) => row['max_tvl'])).toEqual([20_000_000, 5_000_000]);
    const second = await ask({ ...query, cursor: first.body.page.next_cursor });
    expect(second.body.data.map((row) => row['max_tvl'])).toEqual([3_000_000]);
    expect(second.body.page.has_more).toBe(false);
  });
});

describe('levels over time', () => {
  const time = { from: iso(midnight), to: iso(midnight + 4 * HOUR_MS), bucket: '1h' };
  const sum = [{ field: 'tvl', operation: 'sum' }];

  test('each series counts once per bucket, with its last value', async () => {
    const { body } = await ask({ time, aggregations: sum });
    expect(body.data).toEqual([
      { time: iso(midnight), sum_tvl: 35 },
      { time: iso(midnight + 2 * HOUR_MS), sum_tvl: 7 },
    ]);
    expect(body.meta['source']).toBe('hourly');
  });

  test('previous carries each series on; null shows the gaps', async () => {
    const previous = await ask({ time: { ...time, fill: 'previous' }, aggregations: sum });
    expect(previous.body.data.map((row) => row['sum_tvl'])).toEqual([35, 35, 37, 37]);
    const gaps = await ask({ time: { ...time, fill: 'null' }, aggregations: sum });
    expect(gaps.body.data.map((row) => row['sum_tvl'])).toEqual([35, null, 7, null]);
  });

  test('over_time reduces a series before series are put together', async () => {
    const aggregations = ['avg', 'min', 'max'].map((overTime) => ({
      field: 'tvl',
      operation: 'sum',
      over_time: overTime,
      as: overTime,
    }));
    const { body } = await ask({ time: { ...time, bucket: '1d' }, aggregations });
    expect(body.data).toEqual([{ time: iso(midnight), avg: 26, min: 15, max: 37 }]);
  });

  test('fine buckets and single values come from what was recorded', async () => {
    const fine = await ask({ time: { ...time, bucket: '5m' }, aggregations: sum });
    expect(fine.body.data.map((row) => row['sum_tvl'])).toEqual([15, 30, 7]);
    const single = await ask({ filters: { protocols: ['uniswap-v3'] }, time: { from: time.from, to: time.to } });
    expect(single.body.data.map((row) => row['tvl'])).toEqual([10, 30]);
  });
});

describe('the answer', () => {
  test('a change that ingest acknowledged is in the next answer, cached or not', async () => {
    const writer = await app.key({ role: 'writer' });
    const query = { filters: { protocols: ['fresh'] }, aggregations: [{ field: 'tvl', operation: 'sum' }] };
    for (let value = 1_000; value < 1_050; value += 1) {
      const tvl = value * 1_000 * (1 + (value % 2));
      const written = await fetch(`${app.url}/v1/ingest/tvl`, {
        method: 'POST',
        headers: { authorization: `Bearer ${writer}`, 'content-type': 'application/json' },
        body: JSON.stringify({ items: [{ protocol: 'fresh', chain: 'ethereum', tvl }] }),
      });
      const { cursor } = (await written.json()) as { cursor: string };
      expect((await ask({ ...query, at_least: cursor })).body.data).toEqual([{ sum_tvl: tvl }]);
      expect((await ask({ ...query, at_least: cursor })).body.data).toEqual([{ sum_tvl: tvl }]);
    }
  });

  test('QUERY answers 304 to who has the data; POST and CSV work as on lists', async () => {
    const query = { filters: { protocols: ['lido'] } };
    const first = await ask(query, {}, 'QUERY');
    expect(first.status).toBe(200);
    const etag = first.headers.get('etag') ?? '';
    expect((await ask(query, { 'if-none-match': etag }, 'QUERY')).status).toBe(304);
    expect((await ask(query, { 'if-none-match': etag })).status).toBe(200);
    const csv = await ask(query, { accept: 'text/csv' });
    expect(csv.text.split('\r\n')[1]).toMatch(/^lido,ethereum,20000000,/);
  });

  test('every example of the document is answered', async () => {
    for (const [name, { value }] of Object.entries(REQUEST_EXAMPLES)) {
      expect([name, (await ask(value)).status]).toEqual([name, 200]);
    }
  });

  test('events of others stay theirs', async () => {
    await app.db.pool.query(
      `INSERT INTO change_outbox (type, owner, data) VALUES ('alert', 'somebody', '{}'), ('alert', 'tester', '{}')`,
    );
    const alerts = { dataset: 'events', where: { field: 'event_type', op: 'eq', value: 'alert' } };
    await waitFor(async () => (await ask(alerts)).body.data.length === 1);
    expect((await ask({ ...alerts, aggregations: [{ operation: 'count' }] })).body.data).toEqual([{ count: 1 }]);
  });
});

describe('bad queries', () => {
  const deep = (levels: number): unknown =>
    levels === 0 ? { field: 'tvl', op: 'gt', value: 1 } : { not: deep(levels - 1) };
  const leaf = { field: 'tvl', op: 'gt', value: 1 };

  test.each<[string, unknown, number, string, string]>([
    ['no object', [], 400, '', 'invalid_type'],
    ['not there yet', { dataset: 'points' }, 400, '/dataset', 'not_available'],
    ['an unknown field', { where: { field: 'apy', op: 'eq', value: 1 } }, 400, '/where/field', 'unknown_field'],
    [
      'a field every object has',
      { where: { field: 'constructor', op: 'eq', value: 1 } },
      400,
      '/where/field',
      'unknown_field',
    ],
    ['an unknown member', { nope: 1 }, 400, '/nope', 'unknown_field'],
    ['SQL as a field', { sort: { field: 'tvl; DROP TABLE protocols' } }, 400, '/sort/field', 'unknown_field'],
    [
      'SQL as a name',
      { aggregations: [{ operation: 'count', as: '1"; --' }] },
      400,
      '/aggregations/0/as',
      'invalid_name',
    ],
    ['SQL as a bucket', { time: { bucket: "1h' --" } }, 400, '/time/bucket', 'unknown_value'],
    ['a zero byte', { filters: { protocols: ['a\u0000'] } }, 400, '/filters/protocols/0', 'invalid_type'],
    ['text for a number', { where: { field: 'tvl', op: 'gt', value: '1' } }, 400, '/where/value', 'invalid_type'],
    [
      'history of what has none',
      { filters: { change_24h: { min: 0 } }, time: {} },
      400,
      '/filters/change_24h',
      'no_history',
    ],
    ['a foreign cursor', { cursor: 'abc.def' }, 400, '/cursor', 'invalid_cursor'],
    ['a foreign position', { at_least: 'abc' }, 400, '/at_least', 'invalid_cursor'],
    ['too deep', { where: deep(6) }, 422, '/where/not/not/not/not/not', 'too_deep'],
    [
      'a bomb',
      `{"where":${'{"not":'.repeat(5_000)}{}${'}'.repeat(5_000)}}`,
      422,
      '/where/not/not/not/not/not',
      'too_deep',
    ],
    [
      'too many conditions',
      { where: { and: Array.from({ length: 101 }, () => leaf) } },
      422,
      '/where/and',
      'too_many_conditions',
    ],
    [
      'too many values',
      { filters: { protocols: Array.from({ length: 501 }, String) } },
      422,
      '/filters/protocols',
      'too_many_values',
    ],
    [
      'too many aggregates',
      { aggregations: Array.from({ length: 13 }, () => ({ operation: 'count' })) },
      422,
      '/aggregations',
      'too_many_aggregations',
    ],
    ['too long a page', { limit: 1_001 }, 422, '/limit', 'too_many_rows'],
    [
      'differing groups',
      {
        aggregations: [
          { operation: 'count', group_by: 'chain' },
          { operation: 'count', group_by: 'name', as: 'b' },
        ],
      },
      422,
      '/aggregations/1/group_by',
      'differing_group_by',
    ],
  ])('%s', async (_, query, status, pointer, code) => {
    const answer = await ask(query);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(answer.body.errors?.[0]).toMatchObject({ pointer, code });
  });

  test('a cursor of another query is refused', async () => {
    const { body } = await ask({ limit: 1 });
    const other = await ask({ limit: 1, dataset: 'protocols', cursor: body.page.next_cursor });
    expect(other.body.errors?.[0]).toMatchObject({ pointer: '/cursor', code: 'cursor_mismatch' });
  });
});
