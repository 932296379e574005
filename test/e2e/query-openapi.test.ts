import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { formatCursor } from '../../src/events/index.js';
import { QueryAdmission } from '../../src/query/execution/query-admission.js';
import { StoredFactsReader } from '../../src/query/execution/stored-facts.js';
import { MarketWriter } from '../support/data/market-writer.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { waitFor } from '../support/wait-for.js';

type Json = Record<string, unknown>;
interface Example {
  summary: string;
  value: Json;
}
type Content = Record<string, { examples: Record<string, Example>; schema?: Json }>;
interface Operation {
  requestBody: { content: Content };
  responses: Record<string, { content: Content }>;
}

let app: TestApp;
let key: string;
let operation: Operation;

beforeAll(async () => {
  app = await createTestApp({ settings: { QUERY_POOL: '2', LIMIT_API_REQUESTS: 'enterprise=0' } });
  key = await app.key();
  const market = new MarketWriter(app.db.pool);
  await market.protocol('aave-v3', 'Aave V3', { category: 'Lending' });
  await market.chains('aave-v3', { ethereum: 3e9, base: 1e9 });
  await market.price('bitcoin', 100_000, { symbol: 'BTC' });
  await waitFor(async () => (await ask({ time: { from: 'now-1h' } })).body['data']?.length === 2);
  const document = (await (await fetch(`${app.url}/openapi.json`)).json()) as {
    paths: Record<string, { post: Operation }>;
  };
  operation = document.paths['/v1/query/advanced']?.post ?? { requestBody: { content: {} }, responses: {} };
});
afterAll(() => app?.close());

// oxlint-disable-next-line typescript/no-explicit-any -- answers are compared as a whole
async function ask(body: unknown): Promise<{ status: number; type: string; body: any }> {
  const answer = await fetch(`${app.url}/v1/query/advanced`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: answer.status, type: answer.headers.get('content-type') ?? '', body: await answer.json() };
}

const nested = (depth: number): unknown =>
  depth === 0 ? { field: 'tvl', op: 'gt', value: 1 } : { and: [nested(depth - 1)] };
const many = <T>(length: number, of: (index: number) => T): T[] => Array.from({ length }, (_, index) => of(index));
const sum = { field: 'tvl', operation: 'sum' };

/** Requests that cause each documented error; a function if more than a request is needed. */
const FAULTS: Record<string, object | (() => Promise<unknown>)> = {
  unknown_field: { where: { field: 'apy', op: 'gt', value: 1 } },
  unknown_operator: { where: { field: 'tvl', op: 'equals', value: 1 } },
  unknown_value: { time: { bucket: '7m' } },
  operator_mismatch: { where: { field: 'tvl', op: 'like', value: '1%' } },
  operation_mismatch: { aggregations: [{ field: 'chain', operation: 'sum' }] },
  required: { aggregations: [{ field: 'tvl' }] },
  invalid_type: { where: { field: 'tvl', op: 'gt', value: '1' } },
  invalid_time: { time: { from: 'yesterday' } },
  invalid_name: { aggregations: [{ ...sum, as: 'a b' }] },
  duplicate_name: { aggregations: [sum, sum] },
  empty_range: { time: { from: 'now', to: 'now-1h' } },
  out_of_range: { aggregations: [{ field: 'tvl', operation: 'percentile', p: 95 }] },
  only_percentile: { aggregations: [{ ...sum, p: 0.5 }] },
  not_groupable: { aggregations: [{ ...sum, group_by: 'tvl' }] },
  needs_aggregations: { having: { field: 'tvl', op: 'gt', value: 1 } },
  needs_bucket: { time: { fill: 'previous' } },
  no_levels: { dataset: 'events', time: { bucket: '1h', fill: 'previous' } },
  no_history: { filters: { change_24h: { min: 0 } }, time: {} },
  invalid_cursor: { cursor: 'abc.def' },
  cursor_mismatch: async () => {
    const { body } = await ask({ limit: 1 });
    return ask({ limit: 1, dataset: 'prices', cursor: body.page.next_cursor });
  },
  cursor_expired: { at_least: formatCursor('anotherlog', 1) },
  too_deep: { where: nested(6) },
  too_many_conditions: { where: { and: many(101, () => nested(0)) } },
  too_many_values: { filters: { protocols: many(501, String) } },
  too_many_aggregations: { aggregations: many(13, (index) => ({ ...sum, as: `a${index}` })) },
  too_many_sort_keys: { sort: many(5, () => ({ field: 'tvl' })) },
  too_many_rows: { limit: 1_001 },
  differing_group_by: { aggregations: [sum, { operation: 'count', group_by: 'chain' }] },
  too_many_groups: {
    time: { from: 'now-360d', bucket: '1h', fill: 'null' },
    aggregations: [{ ...sum, group_by: 'chain' }],
  },
  too_many_buckets: { time: { from: 'now-9000d', bucket: '1h', fill: 'null' } },
  not_kept: { time: { from: 'now-90d', bucket: '5m' }, aggregations: [sum] },
  too_costly: async () => {
    const facts = app.nest.get(StoredFactsReader, { strict: false });
    const { sizes, rawFrom } = await facts.read();
    const read = vi.spyOn(facts, 'read').mockResolvedValue({
      rawFrom,
      sizes: { ...sizes, series: { tvl: 9e6, price: 9e6 }, most: { days: 9e9, hours: 9e9, points: 9e9 } },
    });
    return ask({ time: { from: 'now-30d', bucket: '1h' }, aggregations: [sum] }).finally(() => read.mockRestore());
  },
  too_slow: async () => {
    const locker = await app.db.pool.connect();
    await locker.query('BEGIN; LOCK TABLE token_prices IN ACCESS EXCLUSIVE MODE');
    const answer = ask({ dataset: 'prices' });
    try {
      // Cancels the query as its time limit would, because the test cannot wait 30 s.
      await waitFor(async () => {
        const { rows } = await app.db.pool.query<{ pid: number }>(
          `SELECT pid FROM pg_stat_activity WHERE application_name = 'defi-realtime-query' AND datname = current_database()
           AND wait_event_type = 'Lock'`,
        );
        for (const { pid } of rows) await app.db.pool.query('SELECT pg_cancel_backend($1)', [pid]);
        return rows.length === 1;
      });
      return await answer;
    } finally {
      await locker.query('ROLLBACK');
      locker.release();
    }
  },
  busy: async () => {
    const admission = app.nest.get(QueryAdmission, { strict: false });
    const leave = new AbortController();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    // With many keys, because the queries of one key do not delay those of others.
    const crowd = many(2_500, (index) =>
      admission
        .run({ rows: 10, heavy: false }, 30_000, leave.signal, () => held, `crowd-${index}`)
        .catch(() => undefined),
    );
    const answer = await ask({ filters: { protocols: ['nobody-asked-for-this'] } });
    release();
    leave.abort(new Error('left'));
    await Promise.all(crowd);
    return answer;
  },
  not_reached: async () => {
    const { body } = await ask({ limit: 1 });
    return ask({ at_least: formatCursor(body.meta.cursor.split('-')[0], 1e9) });
  },
};

/** Whether a text equals the documented one, in which `…` stands for any text. */
function isLike(text: string, documented: string): boolean {
  const parts = documented.split('…').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.+')}$`, 's').test(text);
}

const faultsOf = (status: string) => operation.responses[status]?.content['application/problem+json']?.examples ?? {};

describe('the OpenAPI document of queries', () => {
  it('shows only example requests that receive 200', async () => {
    const examples = operation.requestBody.content['application/json']?.examples ?? {};
    expect(Object.keys(examples).length).toBeGreaterThan(8);
    for (const [name, { value }] of Object.entries(examples)) {
      const { status, type, body } = await ask(value);
      expect([name, status, type]).toEqual([name, 200, 'application/json; charset=utf-8']);
      expect([name, Object.keys(body)]).toEqual([
        name,
        ['data', 'page', 'meta', ...(value['explain'] ? ['explain'] : [])],
      ]);
    }
  });

  it('shows example responses with the members of real responses', async () => {
    const shown = operation.responses['200']?.content['application/json']?.examples ?? {};
    const real = {
      rows: (await ask({ limit: 1 })).body,
      explain: (await ask({ time: { from: 'now-30d' }, aggregations: [sum], explain: true })).body,
    };
    for (const name of ['rows', 'explain'] as const) {
      const members = (of: unknown) => Object.keys(of as object).sort();
      const value = shown[name]?.value ?? {};
      expect(members(value)).toEqual(members(real[name]));
      for (const part of ['page', 'meta']) expect(members(value[part])).toEqual(members(real[name][part]));
    }
    const [row] = (shown['rows']?.value['data'] ?? []) as object[];
    expect(Object.keys(row ?? {})).toEqual(Object.keys(real.rows.data[0]));
  });

  it('shows exactly the faults that this test can trigger', () => {
    const shown = ['400', '422', '503'].flatMap((status) => Object.keys(faultsOf(status)));
    expect(shown.sort()).toEqual(Object.keys(FAULTS).sort());
  });

  it.each(Object.entries(FAULTS))('shows the real problem document for the fault %s', async (name, given) => {
    const [status] = ['400', '422', '503'].filter((code) => name in faultsOf(code));
    const documented = faultsOf(status ?? '')[name]?.value ?? {};
    const answer = (await (typeof given === 'function' ? given() : ask(given))) as Awaited<ReturnType<typeof ask>>;
    expect(answer.type).toContain('application/problem+json');
    const { detail, errors, ...rest } = documented;
    expect(answer).toMatchObject({ status: Number(status), body: rest });
    expect([answer.body.detail, detail, isLike(answer.body.detail, String(detail))]).toEqual([
      expect.anything(),
      detail,
      true,
    ]);
    const [fault] = (errors ?? []) as { pointer: string; code: string }[];
    expect(answer.body.errors?.[0]).toEqual(
      fault && { pointer: fault.pointer, code: fault.code, detail: answer.body.detail },
    );
  });
});
