import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { QueryPool } from '../../src/query/execution/query-pool.js';
import { createTestApp, type TestApp } from '../support/create-test-app.js';

interface Refusal {
  status: number;
  body: { code: string; errors?: { pointer: string; code: string; detail: string }[] };
}

let app: TestApp;
let key: string;
let statements: ReturnType<typeof vi.spyOn>;

beforeAll(async () => {
  app = await createTestApp();
  key = await app.key();
  statements = vi.spyOn(app.nest.get(QueryPool, { strict: false }), 'run');
});
afterAll(() => app?.close());

async function ask(body: unknown): Promise<Refusal> {
  const answer = await fetch(`${app.url}/v1/query/advanced`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: answer.status, body: (await answer.json()) as Refusal['body'] };
}

const leaf = { field: 'tvl', op: 'gt', value: 1 };
const nested = (depth: number): unknown => (depth === 0 ? leaf : { and: [nested(depth - 1)] });
const SQL = `'; DROP TABLE protocol_tvl; -- " $1`;

/** Each with the place that the answer must name. */
const BAD: [string, unknown, string][] = [
  ['no object', '[]', ''],
  ['an unknown member', { filter: {} }, '/filter'],
  ['an unknown dataset', { dataset: SQL }, '/dataset'],
  ['a dataset that every object has', { dataset: 'constructor' }, '/dataset'],
  ['a dataset without data', { dataset: 'points' }, '/dataset'],
  ['an unknown filter', { filters: { [SQL]: ['a'] } }, `/filters/${SQL}`],
  ['a filter that is no list', { filters: { chains: 'ethereum' } }, '/filters/chains'],
  ['a number in a list of texts', { filters: { chains: [1] } }, '/filters/chains/0'],
  ['a text as a bound', { filters: { tvl_range: { min: '1' } } }, '/filters/tvl_range/min'],
  ['a range the wrong way round', { filters: { tvl_range: { min: 2, max: 1 } } }, '/filters/tvl_range'],
  ['a filter of another dataset', { filters: { tokens: ['dai'] } }, '/filters/tokens'],
  ['an unknown field', { where: { field: SQL, op: 'eq', value: 1 } }, '/where/field'],
  ['a field that every object has', { where: { field: 'toString', op: 'eq', value: 1 } }, '/where/field'],
  ['an unknown operator', { where: { field: 'tvl', op: '= 1 OR 1', value: 1 } }, '/where/op'],
  ['an operator that does not fit', { where: { field: 'tvl', op: 'like', value: '%' } }, '/where/op'],
  ['a value of the wrong type', { where: { field: 'tvl', op: 'gt', value: SQL } }, '/where/value'],
  ['an object as a value', { where: { field: 'chain', op: 'eq', value: { $gt: '' } } }, '/where/value'],
  ['an empty list', { where: { field: 'chain', op: 'in', value: [] } }, '/where/value'],
  ['between of three', { where: { field: 'tvl', op: 'between', value: [1, 2, 3] } }, '/where/value'],
  ['two groups at once', { where: { and: [leaf], or: [leaf] } }, '/where/and'],
  ['an empty group', { where: { and: [] } }, '/where/and'],
  ['a nameless condition', { where: {} }, '/where/field'],
  ['a zero byte', { filters: { protocols: ['a\u0000b'] } }, '/filters/protocols/0'],
  ['a text without end', { filters: { protocols: ['x'.repeat(10_000)] } }, '/filters/protocols/0'],
  ['a time that is none', { time: { from: 'yesterday' } }, '/time/from'],
  ['a time as SQL', { time: { from: `now() ${SQL}` } }, '/time/from'],
  ['an end before its beginning', { time: { from: 'now-1h', to: 'now-2h' } }, '/time'],
  ['an unknown bucket', { time: { bucket: '7m' } }, '/time/bucket'],
  ['fill without buckets', { time: { fill: 'previous' } }, '/time/fill'],
  ['time of what has none', { dataset: 'protocols', time: {} }, '/time'],
  ['history of a field without', { time: {}, where: { field: 'change_1h', op: 'gt', value: 0 } }, '/where/field'],
  ['an unknown operation', { aggregations: [{ field: 'tvl', operation: SQL }] }, '/aggregations/0/operation'],
  ['a sum of texts', { aggregations: [{ field: 'chain', operation: 'sum' }] }, '/aggregations/0/field'],
  ['a share above one', { aggregations: [{ field: 'tvl', operation: 'percentile', p: 2 }] }, '/aggregations/0/p'],
  ['a name that is SQL', { aggregations: [{ field: 'tvl', operation: 'sum', as: SQL }] }, '/aggregations/0/as'],
  [
    'a name twice',
    {
      aggregations: [
        { field: 'tvl', operation: 'sum' },
        { field: 'tvl', operation: 'sum' },
      ],
    },
    '/aggregations/1/as',
  ],
  ['grouping by a number', { aggregations: [{ operation: 'count', group_by: 'tvl' }] }, '/aggregations/0/group_by'],
  ['having without aggregates', { having: leaf }, '/having'],
  ['having of what is not there', { aggregations: [{ operation: 'count' }], having: leaf }, '/having/field'],
  ['sorting by what is not there', { sort: { field: SQL } }, '/sort/field'],
  ['an order that is none', { sort: { field: 'tvl', order: 'desc; --' } }, '/sort/order'],
  ['a limit of zero', { limit: 0 }, '/limit'],
  ['a limit as text', { limit: '10' }, '/limit'],
  ['a cursor of nowhere', { cursor: SQL }, '/cursor'],
  ['a cursor that is no text', { cursor: 5 }, '/cursor'],
  ['a position of nowhere', { at_least: SQL }, '/at_least'],
  ['explain that is no flag', { explain: 'yes' }, '/explain'],
];

/** Each over a limit by one. */
const TOO_MUCH: [string, unknown, string][] = [
  ['depth', { where: nested(6) }, '/where/and/0/and/0/and/0/and/0/and/0'],
  ['conditions', { where: { and: Array.from({ length: 101 }, () => leaf) } }, '/where/and'],
  [
    'conditions of all parts together',
    {
      where: { and: Array.from({ length: 60 }, () => leaf) },
      filters: Object.fromEntries([]),
      aggregations: [{ operation: 'count' }],
      having: { and: Array.from({ length: 41 }, () => ({ field: 'count', op: 'gt', value: 1 })) },
    },
    '/having/and/40',
  ],
  [
    'values of a list',
    { filters: { protocols: Array.from({ length: 501 }, (_, i) => `p${i}`) } },
    '/filters/protocols',
  ],
  [
    'aggregations',
    { aggregations: Array.from({ length: 13 }, (_, i) => ({ field: 'tvl', operation: 'sum', as: `a${i}` })) },
    '/aggregations',
  ],
  ['rows of a page', { limit: 1_001 }, '/limit'],
  [
    'group fields',
    { aggregations: [{ operation: 'count', group_by: ['protocol', 'chain', 'name', 'category', 'symbol'] }] },
    '/aggregations/0/group_by',
  ],
  [
    'differing groups',
    {
      aggregations: [
        { operation: 'count', group_by: 'chain' },
        { field: 'tvl', operation: 'sum', group_by: 'category' },
      ],
    },
    '/aggregations/1/group_by',
  ],
];

describe('a bad query', () => {
  it.each(BAD)('%s: 400, the place and the way out, and nothing reaches the database', async (_, body, pointer) => {
    statements.mockClear();
    const answer = await ask(body);
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(answer.body.errors?.map((error) => error.pointer)).toContain(pointer);
    for (const { detail } of answer.body.errors ?? []) expect(detail.length).toBeGreaterThan(10);
    expect(statements).not.toHaveBeenCalled();
  });

  it.each(TOO_MUCH)('too much: %s: 422, the limit and the way round it', async (_, body, pointer) => {
    statements.mockClear();
    const answer = await ask(body);
    expect(answer).toMatchObject({ status: 422, body: { code: 'limit_exceeded' } });
    expect(answer.body.errors?.map((error) => error.pointer)).toContain(pointer);
    expect(statements).not.toHaveBeenCalled();
  });

  it('of a thousand levels or members is refused like any other', async () => {
    const deep = `${'{"and":['.repeat(20_000)}{}${']}'.repeat(20_000)}`;
    expect((await ask(`{"where":${deep}}`)).status).toBe(422);
    const wide = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`m${i}`, 1]));
    const { status, body } = await ask(wide);
    expect(status).toBe(400);
    expect(body.errors?.length).toBeLessThanOrEqual(50);
  });

  it('names every fault at once', async () => {
    const { body } = await ask({
      dataset: 'prices',
      limit: -1,
      sort: { field: 'nothing' },
      where: { field: 'x', op: 'y' },
    });
    expect(body.errors?.map(({ pointer }) => pointer)).toEqual(['/where/op', '/where/field', '/sort/field', '/limit']);
  });

  it('with the cursor of another query, or a changed one, goes nowhere', async () => {
    await app.db.pool.query(
      `INSERT INTO protocol_tvl (protocol, chain, tvl) SELECT 'p' || i, 'base', i FROM generate_series(1, 5) AS i`,
    );
    const first = await fetch(`${app.url}/v1/query/advanced`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ limit: 2 }),
    });
    const { page } = (await first.json()) as { page: { next_cursor: string } };
    const [text = '', signature = ''] = page.next_cursor.split('.');
    const forged = Buffer.from(Buffer.from(text, 'base64url').toString().replace('[1,', '[1 ,')).toString('base64url');
    statements.mockClear();
    for (const [query, code] of [
      [{ limit: 2, cursor: page.next_cursor, filters: { chains: ['base'] } }, 'cursor_mismatch'],
      [{ limit: 2, cursor: `${forged}.${signature}` }, 'invalid_cursor'],
      [{ limit: 2, cursor: `${text}.${signature}.x` }, 'invalid_cursor'],
      [{ limit: 2, cursor: `${text}.` }, 'invalid_cursor'],
    ] as const) {
      expect(await ask(query)).toMatchObject({ status: 400, body: { errors: [{ pointer: '/cursor', code }] } });
    }
    expect(statements).not.toHaveBeenCalled();
    expect((await ask({ limit: 2, cursor: page.next_cursor })).status).toBe(200);
  });

  it('can hold SQL in every value and still only asks for that text', async () => {
    for (const body of [
      { filters: { protocols: [SQL], chains: [SQL], categories: [SQL] } },
      {
        where: {
          or: ['protocol', 'chain', 'name', 'category', 'symbol', 'source'].map((field) => ({
            field,
            op: 'like',
            value: SQL,
          })),
        },
      },
      { dataset: 'events', where: { field: 'event_type', op: 'eq', value: SQL } },
      {
        filters: { protocols: [SQL] },
        time: { from: 'now-1d', bucket: '1h', fill: 'previous' },
        aggregations: [{ field: 'tvl', operation: 'sum', group_by: 'chain' }],
      },
    ]) {
      expect(await ask(body)).toMatchObject({ status: 200, body: { data: [] } });
    }
    expect((await app.db.pool.query('SELECT FROM protocol_tvl')).rowCount).toBe(5);
  });
});
