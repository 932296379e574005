import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EventFeed, EventLog, formatCursor } from '../../src/events/index.js';
import { MarketWriter } from '../support/data/market-writer.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { waitFor } from '../support/wait-for.js';

interface Event {
  eventType: string;
  cursor: string;
  [field: string]: unknown;
}

interface Page {
  data: Event[];
  page: { next_cursor: string; has_more: boolean };
}

let app: TestApp;
let alice: string;
let bob: string;

beforeAll(async () => {
  app = await createTestApp();
  alice = await app.key({ userId: 'alice' });
  bob = await app.key({ userId: 'bob' });
  const market = new MarketWriter(app.db.pool);
  const { pool } = app.db;
  await market.protocol('aave', 'Aave');
  await market.tvl('aave', 'ethereum', 100);
  await market.tvl('lido', 'bsc', 100);
  await market.price('bitcoin', 100);
  await market.price('base:0xab', 1);
  for (let value = 110; value < 130; value += 10) {
    await pool.query('UPDATE protocol_tvl SET tvl = $1', [value]);
    await pool.query('UPDATE token_prices SET price = $1', [value]);
  }
  await pool.query(`SELECT append_events('[{"type": "alert", "owner": "alice", "data": {"ruleId": "r1"}}]')`);
  await pool.query(`SELECT append_events('[{"type": "governance", "protocol": "aave", "data": {"proposal": 1}}]')`);
  await waitFor(async () => (await read(alice, 'types=governance')).data.length === 1);
});
afterAll(() => app?.close());

const request = (key: string, query: string) =>
  fetch(`${app.url}/v1/events?${query}`, { headers: { authorization: `Bearer ${key}` } });

async function read(key: string, query = ''): Promise<Page> {
  return (await (await request(key, query)).json()) as Page;
}

async function endOfLog(): Promise<string> {
  const { epoch, headSeq } = await app.nest.get(EventLog).bounds();
  return `&since=${formatCursor(epoch, headSeq)}`;
}

/** Returns all rows of a query of events, newest first, and the number of rows of each page. */
async function walkQuery(where: object): Promise<{ rows: Record<string, unknown>[]; sizes: number[] }> {
  const rows: Record<string, unknown>[] = [];
  const sizes: number[] = [];
  for (let cursor: string | null | undefined = undefined; cursor !== null;) {
    const answer: Response = await fetch(`${app.url}/v1/query/advanced`, {
      method: 'POST',
      headers: { authorization: `Bearer ${alice}`, 'content-type': 'application/json' },
      body: JSON.stringify({ dataset: 'events', where, limit: 1_000, ...(cursor === undefined ? {} : { cursor }) }),
    });
    const { data, page } = (await answer.json()) as {
      data: Record<string, unknown>[];
      page: { next_cursor: string | null };
    };
    rows.push(...data);
    sizes.push(data.length);
    cursor = page.next_cursor;
  }
  return { rows, sizes };
}

const types = ({ data }: Page) => data.map((event) => event.eventType);

describe('the event log over HTTP', () => {
  test('returns public events in order, each with its cursor, and no internal rows', async () => {
    const { data, page } = await read(alice);
    expect(data[0]).toMatchObject({ eventType: 'protocol_update', updateType: 'listed', protocol: 'aave' });
    expect(data.map((event) => event.cursor)).toEqual(data.map((event) => event.cursor).toSorted());
    expect(new Set(types({ data, page }))).toEqual(
      new Set(['protocol_update', 'tvl_change', 'price_change', 'alert', 'governance']),
    );
    expect(page.has_more).toBe(false);
    const change = data.find((event) => event.eventType === 'tvl_change');
    expect(change).toMatchObject({ previousTvl: 100, currentTvl: 110, changePercent: 10, moved: 0.1 });
    expect(change).not.toHaveProperty('owner');
    expect(change).not.toHaveProperty('seq');
  });

  test('returns every event exactly once across pages', async () => {
    const whole = (await read(alice)).data;
    const walked: Event[] = [];
    let since = '';
    for (;;) {
      const { data, page } = await read(alice, `limit=3${since}`);
      walked.push(...data);
      since = `&since=${page.next_cursor}`;
      if (!page.has_more) break;
    }
    expect(walked).toEqual(whole);
  });

  test('returns new events when polled with the last cursor, even if the last page was empty', async () => {
    const { page } = await read(alice, 'types=liquidation');
    expect(page.next_cursor).toMatch(/^[0-9a-z]+-[0-9a-z]{11}$/);
    await app.db.pool.query(
      `SELECT append_events('[{"type": "liquidation", "protocol": "aave", "data": {"usd": 5}}]')`,
    );
    const next = await waitFor(async () => {
      const answer = await read(alice, `types=liquidation&cursor=${page.next_cursor}`);
      return answer.data.length > 0 && answer;
    });
    expect(next.data).toMatchObject([{ eventType: 'liquidation', protocol: 'aave', data: { usd: 5 } }]);
    expect((await read(alice, `types=liquidation&since=${next.page.next_cursor}`)).data).toEqual([]);
  });

  test.each([
    ['types=price_change,governance', (e: Event) => ['price_change', 'governance'].includes(e.eventType)],
    ['types=tvl_update', (e: Event) => e.eventType === 'tvl_change'],
    ['protocol=aave', (e: Event) => e['protocol'] === 'aave'],
    ['chain=Binance', (e: Event) => e['chain'] === 'bsc'],
    ['token=coingecko:Bitcoin', (e: Event) => e['token'] === 'bitcoin'],
    ['token=Base:0xAB', (e: Event) => e['token'] === 'base:0xab'],
  ])('returns exactly the matching events for ?%s', async (query, selects) => {
    const all = (await read(alice)).data;
    const { data } = await read(alice, query);
    expect(data.length).toBeGreaterThan(0);
    expect(data).toEqual(all.filter(selects));
  });

  test('returns private events only to their user, and to admins with `all=true`', async () => {
    expect((await read(alice, 'types=alert')).data).toMatchObject([{ eventType: 'alert', ruleId: 'r1' }]);
    expect((await read(bob, 'types=alert')).data).toEqual([]);
    expect((await read(app.adminKey, 'types=alert')).data).toEqual([]);
    expect((await read(app.adminKey, 'types=alert&all=true')).data).toHaveLength(1);
    const refused = await request(bob, 'types=alert&all=true');
    expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([403, 'forbidden']);
  });

  test('returns a rare event behind 100,000 rows after an empty page with `has_more`', async () => {
    const { page } = await read(alice, 'types=emission');
    const { pool } = app.db;
    await pool.query(`INSERT INTO change_outbox (type) SELECT 'tick' FROM generate_series(1, 100001)`);
    await pool.query(`SELECT append_events('[{"type": "emission", "protocol": "aave", "data": {}}]')`);
    await waitFor(async () => (await pool.query('SELECT FROM change_outbox')).rowCount === 0);
    const first = await read(alice, `types=emission&since=${page.next_cursor}`);
    expect(first).toMatchObject({ data: [], page: { has_more: true } });
    const second = await read(alice, `types=emission&since=${first.page.next_cursor}`);
    expect([types(second), second.page.has_more]).toEqual([['emission'], false]);
  });

  test('ends a page of large events early and returns the remaining events on later pages', async () => {
    const { page } = await read(alice, 'types=emission&limit=1000&protocol=lido');
    const big = (n: number) => ({ type: 'emission', protocol: 'lido', data: { n, text: 'ä'.repeat(15_000) } });
    const rows = Array.from({ length: 150 }, (_, n) => big(n));
    await app.db.pool.query('SELECT append_events($1)', [JSON.stringify(rows)]);
    const walked: unknown[] = [];
    const sizes: number[] = [];
    await waitFor(
      async () =>
        (await read(alice, `types=emission&protocol=lido&since=${page.next_cursor}&limit=1`)).data.length === 1,
    );
    for (let since = page.next_cursor, more = true; more || walked.length < rows.length;) {
      const part = await read(alice, `types=emission&protocol=lido&limit=1000&since=${since}`);
      walked.push(...part.data.map(({ data }) => data));
      sizes.push(part.data.length);
      [since, more] = [part.page.next_cursor, part.page.has_more];
    }
    expect(walked).toEqual(rows.map(({ data }) => data));
    expect(Math.max(...sizes)).toBeLessThan(80);
    const queried = await walkQuery({ field: 'protocol', op: 'eq', value: 'lido' });
    expect(queried.rows.filter(({ event_type: type }) => type === 'emission').map(({ data }) => data)).toEqual(
      rows.map(({ data }) => data).toReversed(),
    );
    expect(Math.max(...queried.sizes)).toBeLessThan(80);
  });

  test('returns events as CSV with the next cursor in a header', async () => {
    const answer = await fetch(`${app.url}/v1/events?types=price_change`, {
      headers: { authorization: `Bearer ${alice}`, accept: 'text/csv' },
    });
    expect(answer.headers.get('x-next-cursor')).toBeTruthy();
    expect((await answer.text()).split('\r\n').length).toBeGreaterThan(4);
  });

  test('returns CSV with the same columns on every page, even if a page is empty', async () => {
    const headers = new Set<string | undefined>();
    for (const after of ['', `&since=${(await read(alice, 'limit=1')).page.next_cursor}`, await endOfLog()]) {
      const answer = await fetch(`${app.url}/v1/events?types=tvl_change,price_change,governance&limit=1${after}`, {
        headers: { authorization: `Bearer ${alice}`, accept: 'text/csv' },
      });
      headers.add((await answer.text()).split('\r\n')[0]);
    }
    expect([...headers]).toEqual([
      'eventId,cursor,eventType,timestamp,source,confidence,tags,correlationId,protocol,name,category,chain,previousTvl,' +
        'currentTvl,changePercent,changeAbsolute,moved,protocolTvl,token,symbol,previousPrice,currentPrice,volume24h,' +
        'marketCap,data',
    ]);
  });

  test('refuses a cursor of another log, beyond the end of the log, or with invalid text', async () => {
    const { epoch, headSeq } = await app.nest.get(EventLog).bounds();
    expect(app.nest.get(EventFeed).epoch).toBe(epoch);
    for (const [cursor, code] of [
      [formatCursor('other', 1), 'cursor_expired'],
      [formatCursor(epoch, headSeq + 1_000), 'cursor_expired'],
      ['nonsense', 'invalid_cursor'],
      [`${epoch}-zzzzzzzzzzzz`, 'invalid_cursor'],
      ["'; DROP TABLE event_log; --", 'invalid_cursor'],
    ]) {
      const answer = await request(alice, `since=${encodeURIComponent(String(cursor))}`);
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({ code: 'invalid_request', errors: [{ pointer: '?since', code }] });
    }
  });

  test.each([
    'types=nothing',
    'types=tick',
    'types=',
    'limit=0',
    'limit=1001',
    'all=1',
    'all=TRUE',
    'protocol=%00',
    'seq=1',
    'since=',
  ])('refuses the query string ?%s', async (query) => {
    const answer = await request(alice, query);
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([400, 'invalid_request']);
  });
});
