import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseCursor } from '../../../src/events/core/cursor.js';
import type { IngestGate } from '../../../src/events/ingest/ingest-gate.js';
import { IngestService } from '../../../src/events/ingest/ingest.service.js';
import { PRICE_ITEMS, PROTOCOL_ITEMS, TVL_ITEMS } from '../../../src/events/ingest/item-kinds.js';
import { PublicationWait } from '../../../src/events/ingest/publication-wait.js';
import { Clock } from '../../../src/platform/clock/clock.js';
import { DomainError } from '../../../src/platform/errors/domain-error.js';
import { RequestContext } from '../../../src/platform/request/request-context.js';
import { Metrics } from '../../../src/platform/metrics/metrics.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';
import { createPod, type Pod } from '../capture/capture-fixture.js';

let db: TestDatabase;
let pod: Pod;
beforeAll(async () => {
  db = await createTestDatabase();
  pod = createPod(db.url);
});
afterAll(async () => {
  await pod.close();
  await db.drop();
});

async function* stream(batches: unknown[][]): AsyncGenerator<unknown[]> {
  yield* batches;
}

const openGate = { check: () => Promise.resolve() } as unknown as IngestGate;

/** Replacement of the wait, for tests that are not about positions of the log. */
const unawaited = { cursorAfter: () => Promise.resolve(null) } as unknown as PublicationWait;

const ingest = (
  gate: IngestGate,
  clock = new Clock(),
  publications = new PublicationWait(pod.log, pod.sequencer),
): IngestService => new IngestService(pod.database, clock, new RequestContext(), gate, publications, new Metrics());

it('ingest ends a stream when the gate closes, and keeps the earlier items of the stream', async () => {
  const closed = new DomainError('unavailable', 'The event log is 11 s behind.');
  const answers = [undefined, undefined, closed];
  const gate = { check: () => (answers[0] ? Promise.reject(answers[0]) : Promise.resolve(answers.shift())) };
  const batches = stream([[{ token: 'before', price: 1 }], [{ token: 'after', price: 1 }]]);
  const answer = ingest(gate as unknown as IngestGate).ingest(PRICE_ITEMS, batches);
  await expect(answer).rejects.toBe(closed);
  expect((await db.pool.query('SELECT token FROM token_prices')).rows).toEqual([{ token: 'before' }]);
  await db.pool.query('DELETE FROM change_outbox');
});

it('ingest returns a cursor at or after the first batch of a stream, even if the last publishes nothing', async () => {
  const service = ingest(openGate);
  const same = [{ token: 'streamed', price: 7 }];
  const answer = service.ingest(PRICE_ITEMS, stream([same, same, same]));
  await expect
    .poll(async () => (await db.pool.query('SELECT FROM change_outbox')).rowCount, { timeout: 20_000 })
    .toBe(1);
  const early = await Promise.race([answer, new Promise((resolve) => setTimeout(resolve, 500, 'waits'))]);
  expect(early).toBe('waits');
  pod.sequencer.start();
  const { accepted, rejected, cursor } = await answer;
  expect(accepted).toBe(1);
  expect(rejected).toMatchObject([
    { index: 0, code: 'superseded' },
    { index: 1, code: 'superseded' },
  ]);
  const [event] = await pod.log.read(0, 1, { types: ['price_baseline'] });
  expect(parseCursor(cursor)?.seq).toBeGreaterThanOrEqual(event?.seq ?? Infinity);
});

const price = async (token: string) => {
  const { rows } = await db.pool.query<{ price: number; at: number; volume: number | null; cap: number | null }>(
    `SELECT price, (extract(epoch FROM observed_at) * 1000)::float8 AS at, volume_24h AS volume, market_cap AS cap
     FROM token_prices WHERE token = $1`,
    [token],
  );
  return rows[0];
};

it('ingest stores the given time of each item, and the later write wins at equal times', async () => {
  const at = Date.parse('2026-11-01T10:00:00.000Z');
  for (const kind of ['prices', 'tvl'] as const) {
    const write = (value: number, observedAt: string) =>
      kind === 'prices'
        ? ingest(openGate).ingest(PRICE_ITEMS, stream([[{ token: 'eqt', price: value, observedAt }]]))
        : ingest(openGate).ingest(TVL_ITEMS, stream([[{ protocol: 'eqt', chain: 'a', tvl: value, observedAt }]]));
    const answers = [];
    for (const [value, time] of [
      [100, '00.000'],
      [200, '00.000'],
      [200.01, '00.000'],
      [300, '01.000'],
      [50, '01.000'],
    ] as const)
      answers.push(await write(value, `2026-11-01T10:00:${time}Z`));
    expect(answers.map(({ accepted }) => accepted)).toEqual([1, 1, 1, 1, 1]);
    expect((await write(7, '2026-11-01T10:00:00.999Z')).rejected).toMatchObject([{ code: 'stale' }]);
  }
  expect(await price('eqt')).toMatchObject({ price: 50, at: at + 1_000 });
  const { rows } = await db.pool.query(`SELECT tvl, observed_at FROM protocol_tvl WHERE protocol = 'eqt'`);
  expect(rows).toEqual([{ tvl: 50, observed_at: new Date(at + 1_000) }]);
});

const minutesAgo = (minutes: number) => Date.now() - minutes * 60_000;
const cuts: [string, (items: unknown[]) => unknown[][]][] = [
  ['one list', (items) => [items]],
  ['one item per packet', (items) => items.map((item) => [item])],
  ['two packets', (items) => [items.slice(0, 2), items.slice(2)]],
];

it.each(cuts)(
  'ingest keeps the newest item per key of a request, the last at equal times, sent as %s',
  async (name, cut) => {
    const [oldest, old, stored, newer] = [minutesAgo(240), minutesAgo(120), minutesAgo(90), minutesAgo(60)];
    const token = `f2-${name.replaceAll(' ', '-')}`;
    const write = (items: unknown[]) => ingest(openGate).ingest(PRICE_ITEMS, stream(cut(items)));
    await write([{ token, price: 50, observedAt: stored }]);
    const answer = await write([
      { token, price: 100, observedAt: newer },
      { token, price: 90, observedAt: old },
      { token: `${token}-x`, price: 1, observedAt: oldest },
    ]);
    expect(answer).toMatchObject({ accepted: 2, rejected: [{ index: 1, code: 'superseded' }], rejectedCount: 1 });
    expect(await price(token)).toMatchObject({ price: 100, at: newer });
    const equal = await write([
      { token, price: 3, observedAt: newer },
      { token, price: 4, observedAt: newer },
      { token, price: 5, observedAt: oldest },
    ]);
    expect(equal.accepted).toBe(1);
    expect(equal.rejected.map(({ index, code }) => `${index} ${code}`)).toEqual(['0 superseded', '2 superseded']);
    expect(await price(token)).toMatchObject({ price: 4 });
    const behind = await write([
      { token, price: 8, observedAt: old },
      { token, price: 9, observedAt: stored },
    ]);
    expect(behind.accepted).toBe(0);
    expect(behind.rejected.map(({ index, code }) => `${index} ${code}`)).toEqual(['0 superseded', '1 stale']);
  },
);

it('ingest dates an item without a time at least 1 ms after the stored time, whatever the clock says', async () => {
  const now = Date.now();
  const at = (time: number) => ingest(openGate, { now: () => time, elapsed: () => time });
  const write = (service: IngestService, value: number) =>
    service.ingest(PRICE_ITEMS, stream([[{ token: 'stepped', price: value }]]));
  await write(at(now), 1);
  expect((await write(at(now - 700), 2)).accepted).toBe(1);
  expect(await price('stepped')).toMatchObject({ price: 2, at: now + 1 });
  await db.pool.query(`UPDATE token_prices SET observed_at = observed_at + interval '1 us' WHERE token = 'stepped'`);
  expect((await write(at(now - 3_600_000), 3)).accepted).toBe(1);
  expect(await price('stepped')).toMatchObject({ price: 3, at: now + 3 });
});

it('ingest keeps the stored volume and market cap if an item omits them', async () => {
  const service = ingest(openGate);
  const write = (item: object) => service.ingest(PRICE_ITEMS, stream([[{ token: 'kept', ...item }]]));
  await write({ price: 1, volume24h: 2e6, marketCap: 5e6 });
  await write({ price: 2, volume24h: 3e6 });
  await write({ price: 3 });
  expect(await price('kept')).toMatchObject({ price: 3, volume: 3e6, cap: 5e6 });
});

it('ingest splits large items into several statements by size', async () => {
  const sizes: number[] = [];
  const kind: typeof PROTOCOL_ITEMS = {
    ...PROTOCOL_ITEMS,
    write: (tx, rows) => {
      sizes.push(JSON.stringify(rows).length);
      return PROTOCOL_ITEMS.write(tx, rows);
    },
  };
  const about = 'x'.repeat(30_000);
  const chains = Array.from({ length: 1_000 }, (_, n) => `chain-${n}`);
  const fat = Array.from({ length: 20 }, (_, n) => ({ slug: `fat-${n}`, name: 'Fat', chains, metadata: { about } }));
  const answer = await ingest(openGate, new Clock(), unawaited).ingest(kind, stream([fat]));
  expect(answer).toMatchObject({ accepted: 20, rejected: [] });
  expect(Math.max(...sizes)).toBeLessThan(300_000);
  expect(sizes.length).toBeLessThan(20);
  await db.pool.query(`DELETE FROM protocols; DELETE FROM change_outbox`);
});
