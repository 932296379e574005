import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MarketWriter } from '../support/data/market-writer.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { createTestDatabase, type TestDatabase } from '../support/servers/test-database.js';
import { RestCaller, type RestAnswer } from '../support/clients/rest-caller.js';
import { StreamClient } from '../support/clients/event-stream.js';
import { waitFor } from '../support/wait-for.js';

/** Almost as deep as fits into metadata; JSON.stringify overflows the stack at about half of that. */
const LEVELS = 9_000;
const DEEP = `(repeat('{"a":', ${LEVELS}) || '1' || repeat('}', ${LEVELS}))::jsonb`;
/** Rows as they were written before metadata had a limit of levels: without the triggers, and the event by itself. */
const OLD_ROWS = `
BEGIN;
SET LOCAL session_replication_role = replica;
INSERT INTO protocols (slug, name, metadata) VALUES ('deep', 'Deep', jsonb_build_object('logo', 'l', 'nested', ${DEEP}));
COMMIT;
SELECT append_events(jsonb_build_array(jsonb_build_object('type', 'protocol_update', 'protocol', 'deep', 'data',
  jsonb_build_object('updateType', 'listed', 'changes', jsonb_build_array(
    jsonb_build_object('field', 'metadata', 'previousValue', '{}'::jsonb, 'currentValue', ${DEEP}))))));`;

describe('rows that are nested more deeply than a program can write', () => {
  let db: TestDatabase;
  let app: TestApp;
  let caller: RestCaller;
  let first = '';
  const streams: StreamClient[] = [];

  const open = async (query: string): Promise<StreamClient> => {
    const stream = await StreamClient.ready(app.url, `apiKey=${caller.apiKey}&${query}`);
    streams.push(stream);
    return stream;
  };
  const start = async (): Promise<void> => {
    app = await createTestApp({ db });
    caller = await RestCaller.of(app, 'deep');
  };
  const priceOf = (stream: StreamClient, price: number) =>
    waitFor(() => stream.named('price_change').find(({ body }) => body['currentPrice'] === price), {
      timeoutMs: 5_000,
    });

  beforeAll(async () => {
    db = await createTestDatabase();
    await start();
    const market = new MarketWriter(app.db.pool);
    await market.price('bitcoin', 1);
  });

  afterAll(async () => {
    for (const stream of streams) stream.close();
    await app.close();
    await db.drop();
  });

  const expectUpdate = (text: string): void => {
    expect(text).toContain('"updateType":"listed"');
    expect(text).toMatch(/"currentValue":(?:\{"a":)+\{"omitted":"too_deep"\}/);
  };
  const reads = (path: string): Promise<RestAnswer> => caller.get(path);

  it('are delivered without what is nested too deeply, and everything after them is delivered', async () => {
    const stream = await open('');
    const live = new StreamClient(
      app.url,
      `apiKey=${caller.apiKey}&query=${encodeURIComponent(JSON.stringify({ dataset: 'events' }))}`,
    );
    streams.push(live);
    first = (await live.next('query_result')).lastEventId;
    await caller.rule({ name: 'updates', conditions: [{ metric: 'event', eventType: 'protocol_update' }] });
    await db.pool.query(OLD_ROWS);
    await db.pool.query(`UPDATE token_prices SET price = 2`);
    await priceOf(stream, 2);
    expectUpdate(JSON.stringify((await stream.next('protocol_update')).body));
    expectUpdate(JSON.stringify((await live.next('query_change')).body));
    const history = await waitFor(async () => {
      const { text, body } = await reads('/v1/alerts/history');
      return body.data.length === 1 && text;
    });
    expect(history).toContain('"omitted":"too_deep"');
    const letters = await db.pool.query('SELECT reader, reason FROM dead_letters');
    expect(letters.rows).toEqual([]);
  });

  it('can be read: the protocol, the log, queries and replays, also after a restart', async () => {
    for (const restart of [false, true]) {
      if (restart) {
        await app.close();
        await start();
      }
      const protocol = await reads('/v1/protocols/deep');
      expect(protocol.status).toBe(200);
      expect(protocol.text).toContain('{"omitted":"too_deep"}');
      expectUpdate((await reads('/v1/events?types=protocol_update')).text);
      const query = await caller.post('/v1/query/advanced', { dataset: 'events' });
      expect(query.status).toBe(200);
      expectUpdate(query.text);
      const replay = await open(`since=${first}`);
      expectUpdate(JSON.stringify((await replay.next('protocol_update')).body));
      await priceOf(replay, 2);
    }
    const stream = await open('');
    await db.pool.query(`UPDATE token_prices SET price = 3`);
    await priceOf(stream, 3);
  });

  it('still accept updates of other columns and of metadata; numbers beyond a double become null', async () => {
    const stream = await open('');
    await db.pool.query(`UPDATE protocols SET category = 'Dexs' WHERE slug = 'deep'`);
    await db.pool.query(`UPDATE protocols SET metadata = '{"b": 1, "big": 1e400}' WHERE slug = 'deep'`);
    const [column, metadata] = [await stream.next('protocol_update', 1), await stream.next('protocol_update', 2)];
    expect(column.body['changes']).toEqual([{ field: 'category', previousValue: null, currentValue: 'Dexs' }]);
    expect(metadata.body['changes']).toEqual([
      { field: 'metadata', previousValue: { omitted: 'too_deep' }, currentValue: { b: 1, big: null } },
    ]);
  });
});
