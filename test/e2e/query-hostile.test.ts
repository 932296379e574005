import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { QueryPool } from '../../src/query/execution/query-pool.js';
import { REQUEST_EXAMPLES } from '../../src/query/query.examples.js';
import { BAD_QUERIES, SQL, TOO_LARGE_QUERIES } from '../support/faults/query-faults.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';

interface Refusal {
  status: number;
  type: string;
  body: { code: string; errors?: { pointer: string; code: string; detail: string }[] };
}

let app: TestApp;
let key: string;
let statements: ReturnType<typeof vi.spyOn>;

beforeAll(async () => {
  app = await createTestApp({ settings: { LIMIT_API_REQUESTS: 'enterprise=0' } });
  key = await app.key();
  statements = vi.spyOn(app.nest.get(QueryPool, { strict: false }), 'run');
});
afterAll(() => app?.close());

async function ask(body: unknown, { type = 'application/json', method = 'POST' } = {}): Promise<Refusal> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const init = { headers: { authorization: `Bearer ${key}`, 'content-type': type }, body: text };
  const answer = await fetch(`${app.url}/v1/query/advanced`, { method, ...init });
  return {
    status: answer.status,
    type: answer.headers.get('content-type') ?? '',
    body: (await answer.json()) as Refusal['body'],
  };
}

const TEXTS = [
  `'; DROP TABLE protocol_tvl; --`,
  '" OR 1=1',
  '$1',
  '%',
  '__proto__',
  'constructor',
  '',
  '-1',
  'x'.repeat(300),
  '\u0000',
  '\ud800',
  '\u202e\uff54\uff56\uff4c',
  'now-99999w',
  '2999-12-31',
  '0000-01-01',
  '9999-12-31T23:59:59-23:59',
];

/** Hostile values for any place of a request. */
const hostile: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(...TEXTS),
  fc.constantFrom(0, -1, -0, 1e308, -1e308, 5e-324, 2 ** 53, 2 ** 63, 1.5, null, true),
  fc.constantFrom<unknown>([], {}, [[]], [null], { and: [] }, { $ne: 1 }, Object.fromEntries([['__proto__', 1]])),
  fc.constant(Array.from({ length: 600 }, (_, n) => `p${n}`)),
  fc.jsonValue({ maxDepth: 3 }),
);
const EXAMPLES: Record<string, unknown>[] = Object.values(REQUEST_EXAMPLES).map(({ value }) => value);

/** Replaces one of all values in the body, chosen by number. */
function replaced(body: Record<string, unknown>, place: number, value: unknown): void {
  const places: [Record<string, unknown>, string][] = [];
  const collect = (of: unknown): void => {
    if (typeof of !== 'object' || of === null) return;
    for (const name of Object.keys(of)) {
      places.push([of as Record<string, unknown>, name]);
      collect((of as Record<string, unknown>)[name]);
    }
  };
  collect(body);
  const [of, name] = places[place % places.length] ?? [body, 'where'];
  of[name] = value;
}

describe('a bad query', () => {
  it.each(BAD_QUERIES)(
    'is refused with 400 and the position of the fault, without a database query: %s',
    async (_, body, pointer) => {
      statements.mockClear();
      const answer = await ask(body);
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
      expect(answer.body.errors?.map((error) => error.pointer)).toContain(pointer);
      for (const { detail } of answer.body.errors ?? []) expect(detail.length).toBeGreaterThan(10);
      expect(statements).not.toHaveBeenCalled();
    },
  );

  it.each(TOO_LARGE_QUERIES)(
    'is refused with 422 and the position if it exceeds a limit: %s',
    async (_, body, pointer) => {
      statements.mockClear();
      const answer = await ask(body);
      expect(answer).toMatchObject({ status: 422, body: { code: 'limit_exceeded' } });
      expect(answer.body.errors?.map((error) => error.pointer)).toContain(pointer);
      expect(statements).not.toHaveBeenCalled();
    },
  );

  it.each<[string, unknown, string, string]>([
    ['a list instead of an object', [], '', 'invalid_type'],
    [
      'a field every object has',
      { where: { field: 'constructor', op: 'eq', value: 1 } },
      '/where/field',
      'unknown_field',
    ],
    ['SQL as a name', { aggregations: [{ operation: 'count', as: '1"; --' }] }, '/aggregations/0/as', 'invalid_name'],
    ['SQL as a bucket', { time: { bucket: "1h' --" } }, '/time/bucket', 'unknown_value'],
    ['text for a number', { where: { field: 'tvl', op: 'gt', value: '1' } }, '/where/value', 'invalid_type'],
    [
      'history of a field without history',
      { filters: { change_24h: { min: 0 } }, time: {} },
      '/filters/change_24h',
      'no_history',
    ],
    ['a foreign cursor', { cursor: 'abc.def' }, '/cursor', 'invalid_cursor'],
    ['a foreign position', { at_least: 'abc' }, '/at_least', 'invalid_cursor'],
  ])('returns a problem document with a stable error code: %s', async (_, query, pointer, code) => {
    const answer = await ask(query);
    expect(answer.type).toContain('application/problem+json');
    expect(answer.body.errors?.[0]).toMatchObject({ pointer, code });
  });

  it('with a random hostile value is answered or refused with 400 or 422', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...EXAMPLES), fc.nat(), hostile, async (example, place, value) => {
        const body = structuredClone(example);
        replaced(body, place, value);
        statements.mockClear();
        const answer = await ask(body);
        expect([200, 400, 422]).toContain(answer.status);
        const isRefused = answer.status !== 200;
        expect(isRefused).toBe(/^(\/|$)/.test(answer.body.errors?.[0]?.pointer ?? 'none'));
        expect(isRefused && statements.mock.calls.length > 0).toBe(false);
      }),
      { numRuns: process.env['TEST_LONG'] === '1' ? 5_000 : 300 },
    );
    expect((await app.db.pool.query('SELECT FROM protocol_tvl')).rowCount).toBe(0);
  });

  it('in a body of invalid JSON or of another media type never reaches the database', async () => {
    statements.mockClear();
    for (const [body, type] of [
      ['{"limit":NaN}', 'application/json'],
      ['{"limit":', 'application/json'],
      ['null', 'application/json'],
      ['{}', 'text/plain'],
      ['{}', 'application/xml'],
      ['{}', 'application/json; charset=latin1'],
      ['{}', ''],
    ] as const) {
      for (const method of ['POST', 'QUERY']) {
        expect(await ask(body, { type, method })).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
      }
    }
    expect(statements).not.toHaveBeenCalled();
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const answer = await fetch(`${app.url}/v1/query/advanced`, {
        method,
        headers: { authorization: `Bearer ${key}` },
      });
      expect(answer.status).toBe(404);
      await answer.arrayBuffer();
    }
  });

  it('with thousands of levels or members is refused', async () => {
    const deep = `${'{"and":['.repeat(20_000)}{}${']}'.repeat(20_000)}`;
    expect((await ask(`{"where":${deep}}`)).status).toBe(422);
    const wide = Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`m${i}`, 1]));
    const { status, body } = await ask(wide);
    expect(status).toBe(400);
    expect(body.errors?.length).toBeLessThanOrEqual(50);
  });

  it('returns all its faults at once', async () => {
    const { body } = await ask({
      dataset: 'prices',
      limit: -1,
      sort: { field: 'nothing' },
      where: { field: 'x', op: 'y' },
    });
    expect(body.errors?.map(({ pointer }) => pointer)).toEqual(['/where/op', '/where/field', '/sort/field', '/limit']);
  });

  it('with a changed cursor or a cursor of another query is refused', async () => {
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

  it('with SQL in its values searches for the text and executes no SQL', async () => {
    for (const body of [
      { filters: { chains: [SQL], categories: [SQL] } },
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
        filters: { categories: [SQL] },
        time: { from: 'now-1d', bucket: '1h', fill: 'previous' },
        aggregations: [{ field: 'tvl', operation: 'sum', group_by: 'chain' }],
      },
    ]) {
      expect(await ask(body)).toMatchObject({ status: 200, body: { data: [] } });
    }
    // No protocol can have this name.
    const refused = await ask({ filters: { protocols: [SQL] } });
    expect(refused).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect((await app.db.pool.query('SELECT FROM protocol_tvl')).rowCount).toBe(5);
  });
});
