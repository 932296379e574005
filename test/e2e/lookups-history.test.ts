import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { HistoryBackfill } from '../../src/events/index.js';
import { Clock } from '../../src/platform/clock/clock.js';
import type { TestApp } from '../support/servers/create-test-app.js';
import { historyMarket, HOUR, HOUR_MS, type HistoryMarket } from '../support/data/history-market.js';
import type { RestAnswer } from '../support/clients/rest-caller.js';

const DAY_MS = 24 * HOUR_MS;

const TODAY = Date.now() - (Date.now() % DAY_MS);

let app: TestApp;

let key: string;

let get: HistoryMarket['get'];

beforeAll(async () => {
  ({ app, key, get } = await historyMarket());
});

afterAll(() => app?.close());

afterEach(() => {
  vi.restoreAllMocks();
});

describe('the history of values', () => {
  test('keeps its interval on later pages, even if raw values expire between the pages', async () => {
    const from = Date.now() - 30 * DAY_MS + 300_000;
    const points = [10, 20, 30].map((minute) => ({ at: from + minute * 60_000, value: minute }));
    await app.nest
      .get(HistoryBackfill)
      .insert(points.map((point) => ({ metric: 'price' as const, subject: 'ethereum:0xabcdef', chain: '', ...point })));
    const range = `from=${new Date(from).toISOString()}&to=${new Date(from + HOUR_MS).toISOString()}&limit=1`;
    const first = await get(`/v1/prices/ethereum:0xabcdef/history?${range}`);
    expect(first.body).toMatchObject({ data: [{ value: 10 }], meta: { interval: 'raw' } });
    vi.spyOn(app.nest.get(Clock), 'now').mockImplementation(() => Date.now() + 600_000);
    const next = await get(`/v1/prices/ethereum:0xabcdef/history?${range}&cursor=${first.body.page.next_cursor}`);
    expect(next.body).toMatchObject({ data: [{ value: 20 }], page: { has_more: true }, meta: { interval: 'raw' } });
  });

  test('before the oldest raw value is returned by hour, even for a short range', async () => {
    const at = HOUR - 60 * DAY_MS;
    await app.nest
      .get(HistoryBackfill)
      .insert([{ metric: 'tvl', subject: 'uniswap-v3', chain: 'ethereum', at: at + 60_000, value: 7 }]);
    const range = `from=${new Date(at).toISOString()}&to=${new Date(at + 2 * HOUR_MS).toISOString()}`;
    const { body } = await get(`/v1/tvl/uniswap-v3/ethereum/history?${range}`);
    expect(body).toMatchObject({ data: [{ value: 7 }], meta: { interval: '1h' } });
  });

  const from = new Date(HOUR - 48 * HOUR_MS).toISOString();
  const to = new Date(HOUR).toISOString();
  const range = `from=${from}&to=${to}`;

  test('by hour contains open, high, low, last value and average of one chain', async () => {
    const { body } = await get(`/v1/tvl/uniswap-v3/ethereum/history?${range}&interval=1h`);
    expect(body.meta).toEqual({ from, to, interval: '1h', chains: ['ethereum'] });
    expect(body.data).toHaveLength(48);
    expect(body.data[0]).toEqual({
      time: from,
      value: 2048,
      open: 2048,
      high: 2048,
      low: 2048,
      average: 2048,
      samples: 1,
    });
  });

  test('of a protocol is at each time the sum over its chains, without categories such as staking', async () => {
    const { body } = await get(`/v1/tvl/uniswap-v3/history?${range}&interval=1h`);
    expect(body.meta.chains).toEqual(['bsc', 'ethereum']);
    expect(body.data).toHaveLength(48);
    expect(body.data[0]).toMatchObject({ time: from, value: 2048, high: null, average: null });
    expect(body.data[23].value).toBe(2025);
    expect(body.data[24].value).toBe(2024 + 1000);
    const raw = await get(`/v1/tvl/uniswap-v3/history?${range}&interval=raw`);
    expect(raw.body.data.map((row: RestAnswer['body']) => row.value)).toEqual(
      body.data.map((row: RestAnswer['body']) => row.value),
    );
  });

  test('by day does not add up the hourly values', async () => {
    const { body } = await get(`/v1/tvl/uniswap-v3/ethereum/history?from=now-10d&interval=1d`);
    const yesterday = body.data.find((row: RestAnswer['body']) => row.time === new Date(TODAY - DAY_MS).toISOString());
    expect(yesterday.high).toBeLessThan(2_100);
    expect(yesterday.samples).toBe(24);
    expect((await get('/v1/tvl/uniswap-v3/history?from=now-10d&interval=1d')).body.data.at(-1).value).toBeGreaterThan(
      0,
    );
  });

  test.each(['raw', '1h'])('with interval %s returns every row once across pages', async (interval) => {
    for (const of of ['uniswap-v3', 'uniswap-v3/ethereum']) {
      const path = `/v1/tvl/${of}/history?from=now-3d&to=${to}&interval=${interval}`;
      const whole = (await get(`${path}&limit=1000`)).body.data;
      const walked: unknown[] = [];
      let cursor = '';
      for (;;) {
        const { body } = await get(`${path}&limit=7${cursor}`);
        walked.push(...body.data);
        if (!body.page.has_more) break;
        cursor = `&cursor=${body.page.next_cursor}`;
      }
      expect(walked).toEqual(whole);
      expect(walked).toHaveLength(48);
    }
  });

  test('without `interval` has an interval that depends on the length of the range', async () => {
    const interval = async (query: string) => (await get(`/v1/tvl/uniswap-v3/history?${query}`)).body.meta.interval;
    expect(await interval('from=now-1d')).toBe('raw');
    expect(await interval('from=now-30d')).toBe('1h');
    expect(await interval('from=now-1w&to=now')).toBe('1h');
    expect(await interval('from=now-300d')).toBe('1d');
    expect(await interval('')).toBe('raw');
  });

  const backfill = (subject: string, chain: string, values: [at: number, value: number][]) =>
    app.nest.get(HistoryBackfill).insert(values.map(([at, value]) => ({ metric: 'tvl', subject, chain, at, value })));
  const values = async (path: string) =>
    (await get(path)).body.data.map((row: RestAnswer['body']) => [Date.parse(row.time), row.value]);

  test('is taken from the total of a protocol for times before its chains are known', async () => {
    const at = (hoursAgo: number) => HOUR - hoursAgo * HOUR_MS;
    await backfill('grown', 'all', [
      [at(9), 100],
      [at(3), 120],
      [at(1) + 60_000, 7],
    ]);
    await backfill('grown', 'ethereum', [[at(1), 130]]);
    const expected = [
      [at(9), 100],
      [at(3), 120],
      [at(1), 130],
    ];
    for (const interval of ['raw', '1h']) {
      const path = `/v1/tvl/grown/history?from=now-1d&to=${to}&interval=${interval}`;
      expect(await values(path)).toEqual(expected);
      expect((await get(path)).body.meta.chains).toEqual(['ethereum', 'all']);
      const first = await get(`${path}&limit=2`);
      expect(first.body.data.at(-1).value).toBe(120);
      const next = await get(`${path}&limit=2&cursor=${first.body.page.next_cursor}`);
      expect(next.body).toMatchObject({ data: [{ value: 130 }], page: { has_more: false } });
    }
    expect(await values(`/v1/tvl/grown/history?from=${new Date(at(1)).toISOString()}&to=${to}&interval=1h`)).toEqual([
      [at(1), 130],
    ]);
  });

  test('excludes values after the end of the range inside the last bucket', async () => {
    const start = TODAY - 3 * DAY_MS;
    const minute = (number: number) => start + 5 * HOUR_MS + number * 60_000;
    await backfill('cut', 'ethereum', [
      [start, 9],
      [minute(10), 1],
      [minute(50), 2],
    ]);
    await backfill('cut', 'base', [[start - HOUR_MS, 1_000]]);
    const end = new Date(minute(30)).toISOString();
    const begin = new Date(start).toISOString();
    expect(await values(`/v1/tvl/cut/ethereum/history?from=${begin}&to=${end}&interval=1h`)).toEqual([
      [start, 9],
      [minute(0), 1],
    ]);
    expect((await get(`/v1/tvl/cut/ethereum/history?from=${begin}&to=${end}&interval=1d`)).body.data).toEqual([
      { time: begin, value: 1, open: 9, high: 9, low: 1, average: 5, samples: 2 },
    ]);
    expect((await get(`/v1/tvl/cut/history?from=${begin}&to=${end}&interval=1d`)).body.data).toEqual([
      { time: begin, value: 1_001, open: 1_009, high: null, low: null, average: null, samples: 2 },
    ]);
  });

  test('reports the range rounded to full hours if raw values have expired', async () => {
    const start = HOUR - 70 * DAY_MS;
    await backfill('aged', 'ethereum', [
      [start, 1],
      [start + HOUR_MS, 2],
      [start + HOUR_MS + 50 * 60_000, 3],
    ]);
    const [begin, inside, next] = [0, 90, 60].map((minutes) => new Date(start + minutes * 60_000).toISOString());
    const path = `/v1/tvl/aged/ethereum/history?from=${begin}&to=${inside}`;
    expect((await get(`${path}&interval=1h`)).body).toMatchObject({
      data: [{ value: 1 }],
      meta: { from: begin, to: next },
    });
    expect(await get(`${path}&interval=raw`)).toMatchObject({
      status: 422,
      body: { code: 'limit_exceeded', errors: [{ pointer: '?from', code: 'not_kept' }] },
    });
    const { body } = await get(`/v1/tvl/aged/ethereum/history?from=${begin}&to=now&interval=raw`);
    expect(Date.parse(body.meta.from)).toBeGreaterThan(start);
  });

  test('of a protocol includes the last value of a chain before the first raw value', async () => {
    const { rows } = await app.db.pool.query('SELECT raw_from FROM history_state');
    const start: number = rows[0].raw_from.getTime();
    await backfill('edge', 'ethereum', [[start - HOUR_MS, 100]]);
    await backfill('edge', 'base', [[start + 60_000, 5]]);
    const range = `from=${new Date(start).toISOString()}&to=${new Date(start + HOUR_MS).toISOString()}`;
    const { body } = await get(`/v1/tvl/edge/history?${range}&interval=raw`);
    expect(body.data).toEqual([{ time: new Date(start + 60_000).toISOString(), value: 105 }]);
  });

  test('of a protocol ends with a deleted row and continues after the row is inserted again', async () => {
    const { pool } = app.db;
    const add = (chain: string, tvl: number) =>
      pool.query('INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ($1, $2, $3)', ['closing', chain, tvl]);
    const now = async (): Promise<unknown[]> => {
      const grains = ['raw', '1h', '1d'].map(async (grain) => {
        const { body } = await get(`/v1/tvl/closing/history?interval=${grain}`);
        return body.data?.at(-1)?.value;
      });
      return [(await get('/v1/tvl/closing')).body.tvl, ...(await Promise.all(grains)), await carried()];
    };
    const carried = async (): Promise<unknown> => {
      const answer = await fetch(`${app.url}/v1/query/advanced`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          filters: { protocols: ['closing'] },
          time: { from: 'now-1h', bucket: '5m', fill: 'previous' },
          aggregations: [{ field: 'tvl', operation: 'sum', as: 'total' }],
        }),
      });
      return ((await answer.json()) as RestAnswer['body']).data.at(-1)?.total;
    };
    const everywhere = async (tvl: number): Promise<void> => {
      await expect.poll(now, { timeout: 5_000 }).toEqual(Array.from({ length: 5 }, () => tvl));
    };
    await add('ethereum', 100);
    await add('base', 100);
    await everywhere(200);
    await pool.query(`DELETE FROM protocol_tvl WHERE protocol = 'closing' AND chain = 'ethereum'`);
    await everywhere(100);
    await pool.query(`UPDATE protocol_tvl SET tvl = 150 WHERE protocol = 'closing'`);
    await everywhere(150);
    await add('ethereum', 110);
    await everywhere(260);
    await pool.query(`DELETE FROM protocol_tvl WHERE protocol = 'closing'`);
    await add('all', 300);
    await everywhere(300);
    expect((await get(`/v1/tvl/closing/history`)).body.meta.chains).toEqual(['base', 'ethereum', 'all']);
    await add('base', 40);
    await everywhere(40);
    await pool.query(`DELETE FROM protocol_tvl WHERE protocol = 'closing' AND chain = 'base'`);
    await everywhere(300);
  });

  test('is returned as CSV with the cursor of the next page in a header', async () => {
    const { headers, text } = await get(`/v1/tvl/uniswap-v3/ethereum/history?${range}&interval=1h&limit=2`, {
      accept: 'text/csv',
    });
    expect(text).toBe(
      `time,value,open,high,low,average,samples\r\n${from},2048,2048,2048,2048,2048,1\r\n` +
        `${new Date(HOUR - 47 * HOUR_MS).toISOString()},2047,2047,2047,2047,2047,1\r\n`,
    );
    expect(headers.get('x-next-cursor')).toMatch(/^[\w-]+$/);
  });

  test.each([
    'from=yesterday',
    'to=1700000000',
    'from=now&to=now-1h',
    'from=9999-12-31T23:59:59Z',
    'interval=5m',
    'limit=0',
    'limit=10001',
    'limit=1e3',
    'cursor=abc',
    'from=now-1d&from=now-2d',
    'unknown=1',
    'from=0000-01-01',
  ])('refuses the query string ?%s', async (query) => {
    const { status, body } = await get(`/v1/tvl/uniswap-v3/history?${query}`);
    expect([status, body.code]).toEqual([400, 'invalid_request']);
    expect(body.errors[0].pointer).toMatch(/^\?/);
  });

  test('refuses a parameter given twice with a message about the repetition', async () => {
    const { body } = await get('/v1/tvl/uniswap-v3/history?from=now-1d&from=now-2d');
    expect(body.errors).toEqual([
      { pointer: '?from', code: 'is_string', detail: 'from must be one text; send it once' },
    ]);
  });

  test('refuses a cursor from another series', async () => {
    const first = await get(`/v1/tvl/uniswap-v3/ethereum/history?${range}&interval=1h&limit=1`);
    const cursor = first.body.page.next_cursor;
    const other = await get(`/v1/tvl/uniswap-v3/bsc/history?${range}&interval=1h&limit=1&cursor=${cursor}`);
    expect(other.body).toMatchObject({ status: 400, errors: [{ pointer: '?cursor', code: 'invalid_cursor' }] });
  });
});
